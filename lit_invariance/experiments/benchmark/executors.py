"""How fast a network answers views that are ready: as PyTorch runs it, folded, compiled, in bfloat16."""

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from lit_invariance.evaluation.executors import make_executor
from lit_invariance.evaluation.models import Model
from lit_invariance.execution.executor import Executor, batch_on
from lit_invariance.execution.lanes import Lanes, lanes_of
from lit_invariance.experiments.benchmark.answer import Answer, Scale
from lit_invariance.experiments.benchmark.engine import DEVICE
from lit_invariance.experiments.benchmark.subjects import models, side
from lit_invariance.experiments.benchmark.turns import medians

NETWORKS = ("mobilenet_v2", "resnet50")
WAYS = ("folded", "compiled", "bfloat16")


def executor_rates(scale: Scale) -> Answer:
    """Measure the ways to run a network against each other, and how closely they agree.

    Args:
        scale: How much is measured.
    """
    rows = []
    for name in NETWORKS[:1] if scale.small else NETWORKS:
        rows += _rows(name, scale)
    columns = ("network", "run", "views/s", "times plain", "made in", "greatest difference of a logit")
    return Answer(columns, rows, (), ["Batches of 16 views, ready in memory; side by side where several cores are."])


def _rows(name: str, scale: Scale) -> list[list[str]]:
    model, count = models([name], scale)[0], lanes_of(DEVICE)
    made = {how: _made(model, how, count) for how in WAYS if not (scale.small and how == "compiled")}
    views = torch.rand(batch_on(DEVICE), 3, side(scale), side(scale))
    steps: dict[str, Callable[[], None]] = {"plain": partial(_answer_plainly, model.classifier, views, count)}
    steps |= {how: partial(_answer, executor, views, count) for how, (executor, _) in made.items()}
    spent = medians(steps, scale.rounds)
    with torch.inference_mode():
        expected = model.classifier(views)
    rows = [[name, "plain", f"{count * len(views) / spent['plain']:.1f}", "1.00", "", ""]]
    for how, (executor, seconds) in made.items():
        with Lanes(count) as lanes:  # with other threads PyTorch would compile it again
            apart = float((lanes.run(partial(executor, views)).result() - expected).abs().max())
        rate = count * len(views) / spent[how]
        rows.append(
            [name, how, f"{rate:.1f}", f"{spent['plain'] / spent[how]:.2f}", f"{seconds:.1f} s", f"{apart:.1e}"]
        )
    return rows


def _made(model: Model, how: str, count: int) -> tuple[Executor, float]:
    """An executor, and the seconds it took to make."""
    start = time.perf_counter()
    executor = make_executor(model, DEVICE)
    executor.open(count, partial(torch.autocast, "cpu", torch.bfloat16, enabled=how == "bfloat16"))
    with Lanes(count):
        executor.speed_up(str(how == "compiled").lower(), 1, model.name)
    return executor, time.perf_counter() - start


def _answer_plainly(network: nn.Module, views: Tensor, times: int) -> None:
    with torch.inference_mode():
        for _ in range(times):
            network(views)


def _answer(executor: Executor, views: Tensor, times: int) -> None:
    with Lanes(times) as lanes:
        for answer in [lanes.run(partial(executor, views)) for _ in range(times)]:
            answer.result()
