"""How fast an evaluation is beside its executors, the plain network and the authors' loop."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from lit_invariance.experiments.benchmark.answer import Answer, Scale, Target
from lit_invariance.experiments.benchmark.authors import loop
from lit_invariance.experiments.benchmark.engine import Engine
from lit_invariance.experiments.benchmark.subjects import files, models, network, pictures, side
from lit_invariance.experiments.benchmark.turns import medians
from lit_invariance.registry import Spec

WORKLOADS: dict[int, list[Spec]] = {
    1: ["centre_crop"],
    2: ["crop"],
    9: [{"released_script": {"share": 1.0}}],
    65: ["diagonal", "imagenet_p_scale", "centre_crop"],
}
"""Views of a picture to protocols that show so many."""
MOBILE, RES = "mobilenet_v2", "resnet50"
CASES = [(MOBILE, 1, views) for views in WORKLOADS] + [(MOBILE, 2, 9), (MOBILE, 4, 9), (RES, 1, 2), (RES, 1, 9)]
"""Network, models and views a picture."""
OF_EXECUTOR, TIMES_EARLIER, TIMES_LOOP = 0.95, {MOBILE: 2.0, RES: 1.15}, {2: 2.5, 9: 5.0}
EARLIER = {2: 104 / 146, 9: 127 / 146}
"""Share of the bare MobileNetV2's rate that an evaluation reached before it had executors, measured at that time."""
VIEWS, BARE_BATCH, LOOP_PICTURES = 192, 16, 2
SLOWER = 4
"""How much fewer views a ResNet50 is shown."""


def evaluation_rates(scale: Scale) -> Answer:
    """Measure views a second for one, two, nine and 65 views, one network and several.

    Args:
        scale: How much is measured.
    """
    rows, targets = [], []
    for name, times, views in [(MOBILE, 1, 2)] if scale.small else CASES:
        rates, loop_ratio = _rates(name, times, views, scale)
        ratio = rates["evaluation"] / rates["executor"]
        cells = [f"{rates[step]:.1f}" for step in ("bare", "executor", "evaluation")]
        rows.append([name, str(times), str(views), *cells, f"{ratio:.2f}", f"{loop_ratio:.1f}" if loop_ratio else ""])
        if times == 1 and views in EARLIER:
            what = f"{name}, {views} views: evaluation against"
            targets.append(Target(f"{what} its executor, views ready", OF_EXECUTOR, ratio))
            earlier = rates["evaluation"] / (EARLIER[views] * rates["bare"])
            targets.append(Target(f"{what} that without executors", TIMES_EARLIER[name], earlier))
            if name == MOBILE:
                targets.append(Target(f"{what} the authors' loop, in pairs", TIMES_LOOP[views], loop_ratio))
    head = ["network", "models", "views a picture", f"bare network, batch {BARE_BATCH}", "executor, views ready"]
    return Answer([*head, "evaluation", "evaluation / executor", "pairs / authors' pairs"], rows, targets, REMARKS)


REMARKS = [
    "Views a second, of each model. The executor answers views that are ready, in the same batches and lanes as the "
    "evaluation, which decodes, renders and scores as well. Networks are compiled; compiling is not counted, see "
    "[Executors](#executors). The authors' loop takes one picture at a time and two passes of one view for a pair.",
    "The evaluation without executors was measured at the time at "
    f"{EARLIER[2]:.2f} of the bare network's rate with two views and {EARLIER[9]:.2f} with nine.",
]


def _rates(name: str, times: int, views: int, scale: Scale) -> tuple[dict[str, float], float]:
    """Views a second of each step; and how many pairs an evaluation compares while the authors' loop compares one."""
    bare = network(name, scale)
    ready = torch.rand(BARE_BATCH, 3, side(scale), side(scale)).to(memory_format=torch.channels_last)
    data = pictures(_pictures(name, times, views, scale), scale)
    pairs, threads = {2: 1, 9: 8}.get(views, 0) if times == 1 else 0, torch.get_num_threads()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        compiling = "false" if scale.small else "true"
        engine = stack.enter_context(Engine(models([name] * times, scale), WORKLOADS[views], data, compiling))
        steps: dict[str, Callable[[], object]] = {"executor": engine.answer, "evaluation": engine.evaluate}
        steps["bare"] = partial(_on_threads, threads, partial(_infer, bare, ready))
        if pairs:
            shown = files(LOOP_PICTURES, scale, folder)
            steps["loop"] = partial(_on_threads, threads, partial(loop, bare, shown, pairs, side(scale)))
        spent = medians(steps, scale.rounds)
    counts = {"bare": BARE_BATCH, "executor": engine.views, "evaluation": engine.views}
    rates = {step: count / spent[step] for step, count in counts.items()}
    by_loop = LOOP_PICTURES * pairs / spent["loop"] if pairs else 0.0
    return rates, rates["evaluation"] / views * pairs / by_loop if pairs else 0.0


def _pictures(name: str, times: int, views: int, scale: Scale) -> int:
    """How many pictures an evaluation is shown."""
    if scale.small:
        return 4
    return max(1, VIEWS // views // times // (SLOWER if name == RES else 1))


def _on_threads(count: int, step: Callable[[], object]) -> None:
    """Run a step on all cores, although the lanes beside it have divided them among themselves."""
    divided = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        step()
    finally:
        torch.set_num_threads(divided)


def _infer(network: nn.Module, views: Tensor) -> None:
    with torch.inference_mode():
        network(views)
