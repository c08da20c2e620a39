"""Whole networks on a resident batch: inference and training, plain and anti-aliased, in every arithmetic."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_invariance.evaluation.precision import exact_float32
from lit_invariance.experiments.benchmark.answer import Answer, Target
from lit_invariance.experiments.gpu.rate import rate
from lit_invariance.experiments.gpu.setting import BLURRED, PLAIN, Setting

MOST = 1.25
ARITHMETIC = ("float32", "bf16")
COLUMNS = ("network", "arithmetic", "how", "inference, images/s", "MiB", "training, images/s", "MiB")


def network_rates(setting: Setting) -> Answer:
    """Measure rates and peak memory; the anti-aliased step may cost 1.25 times the plain one.

    Args:
        setting: On what, and how much is measured.
    """
    rows, targets = [], []
    for name in setting.names:
        for arithmetic in ARITHMETIC:
            steps: dict[str, float] = {}
            for kind in (PLAIN, BLURRED):
                # Compiling takes up to a minute each, so that one network in one arithmetic must do.
                compiles = name == setting.names[0] and arithmetic == "bf16"
                for how in ("eager", "compiled")[: 1 + compiles]:
                    infer, train = _measured(setting, name, kind, arithmetic, how == "compiled")
                    rows.append([f"{name}, {kind}", arithmetic, how, *infer[1], *train[1]])
                    if how == "eager":
                        steps[kind] = train[0]
            if name == "resnet50":
                cost = steps[PLAIN] / steps[BLURRED]
                targets.append(Target(f"training step of anti-aliased {name}, {arithmetic}", MOST, cost, at_most=True))
    return Answer(COLUMNS, rows, targets, ["float32 is without TF32; batches of 128 in inference, of 64 in training."])


Measured = tuple[float, list[str]]


def _measured(setting: Setting, name: str, kind: str, arithmetic: str, compiled: bool) -> tuple[Measured, Measured]:
    network = setting.network(name, kind).to(setting.device)
    answer: Callable[[Tensor], Tensor] = torch.compile(network) if compiled else network
    many, few = (2, 2) if setting.dry else (128, 64)
    images = torch.randn(many, 3, setting.side, setting.side, device=setting.device)
    images = images.to(memory_format=torch.channels_last)
    with exact_float32():
        with setting.peak() as peak, torch.inference_mode(), _arithmetic(setting, arithmetic):
            infer = many * rate(lambda: answer(images), setting.seconds)
        told = [f"{infer:.0f}", *[f"{value:.0f}" for value in peak or [float("nan")]]]
        with setting.peak() as peak:
            train = few * rate(_step(setting, network, answer, images[:few], arithmetic), setting.seconds)
    return (infer, told), (train, [f"{train:.0f}", *[f"{value:.0f}" for value in peak or [float("nan")]]])


def _step(
    setting: Setting, network: nn.Module, answer: Callable[[Tensor], Tensor], images: Tensor, arithmetic: str
) -> Callable[[], None]:
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-5, momentum=0.9, nesterov=True, fused=True)
    labels = torch.arange(len(images), device=setting.device)

    def step() -> None:
        with _arithmetic(setting, arithmetic):
            loss = F.cross_entropy(answer(images).float(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    return step


def _arithmetic(setting: Setting, name: str) -> AbstractContextManager[None]:
    return torch.autocast(setting.device.type, torch.bfloat16, enabled=name == "bf16")
