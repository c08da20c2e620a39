"""What the program adds to a training step: loading, augmentation, metric and loop against the bare step."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.callbacks import Callback
from torch import nn

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.experiments.benchmark.answer import Answer, Scale, Target
from lit_invariance.experiments.benchmark.turns import seconds
from lit_invariance.protocols.window import sides
from lit_invariance.training.classifier import LitClassifier

WANTED = 0.97
STEPS = 6
# A loader works ahead while the other side has its turn, by two batches for each of its processes.
AHEAD = 3
QUIET: dict[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_model_summary": False,
    "enable_progress_bar": False,
}


class TakingTurns(Callback):
    """Lets a training and something else take turns of `STEPS` steps, and notes the seconds a step of both."""

    def __init__(self, other: Callable[[], object]) -> None:
        self.other, self.steps = other, 0
        self.own: list[float] = []
        self.others: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        """Count a step; begin the clock after those that were loaded ahead."""
        self.steps += 1
        turn = self.steps % (AHEAD + STEPS)
        if turn == AHEAD:
            self._start = time.perf_counter()
        elif turn == 0:
            self.own.append((time.perf_counter() - self._start) / STEPS)
            self.others.append(seconds(lambda: [self.other() for _ in range(STEPS)]) / STEPS)


def training_steps(scale: Scale) -> Answer:
    """Measure the training against the bare step of the same network, and the loader alone.

    Args:
        scale: How much is measured.
    """
    data = _data(scale)
    batch = data.hparams["batch_size"]
    backbone = "tiny_resnet" if scale.small else "torchvision/mobilenet_v2"
    rows, targets = [], []
    arms: dict[str, list[str | dict[str, Any]]] = {"plain": [], "BlurPool, 4 taps": ["blurpool"]}
    for name, mitigations in arms.items():
        module = LitClassifier(backbone, None, data.num_classes, data.hparams["image_size"], mitigations=mitigations)
        turns = TakingTurns(_bare(module, batch))
        rounds = max(1, scale.rounds // 2)
        options: dict[str, Any] = {"max_steps": rounds * (AHEAD + STEPS), "limit_val_batches": 0, **QUIET}
        pl.Trainer(accelerator="cpu", max_epochs=-1, callbacks=[turns], **options).fit(module, data)
        own, bare = statistics.median(turns.own), statistics.median(turns.others)
        rows.append([f"{backbone}, {name}", f"{batch / bare:.1f}", f"{batch / own:.1f}", f"{bare / own:.2f}"])
        targets.append(Target(f"training of {backbone}, {name}, against the bare step", WANTED, bare / own))
    alone = _loading(_data(scale), 8 if scale.small else 64)
    rows.append(["loading alone", "", f"{alone:.1f}", ""])
    remark = f"Batches of {batch}, {data.workers} processes load; the bare step has its batch in memory."
    return Answer(("training", "bare step, images/s", "training, images/s", "ratio"), rows, targets, [remark])


def _data(scale: Scale) -> InvarianceData:
    if scale.small:
        sizes = {"train_images": 64, "val_images": 10}
        return InvarianceData("shapes", image_size=32, batch_size=4, shapes=sizes)
    if scale.data is None:
        sizes = {"train_images": 600, "val_images": 10}
        return InvarianceData("shapes", image_size=224, batch_size=16, shapes=sizes)
    root = str(scale.data / "imagenet_sample")
    return InvarianceData(
        "image_folder", root, val_root=root, image_size=224, batch_size=16, translation={"kind": "crop"}
    )


def _bare(module: LitClassifier, count: int) -> Callable[[], None]:
    """A step of a copy of the network as one writes it by hand, on a batch in memory."""
    network: nn.Module = LitClassifier(**module.hparams).backbone.train()
    images = torch.randn(count, 3, *sides(module.image_size)).to(memory_format=torch.channels_last)
    labels = torch.arange(count) % module.num_classes
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-5, momentum=0.9, nesterov=True)

    def step() -> None:
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _loading(data: InvarianceData, images: int) -> float:
    """Images a second of the training's loader, on which nothing else waits."""
    loader = data.train_dataloader()
    batches = iter(loader)
    next(batches)
    count, start = 0, time.perf_counter()
    for batch in batches:
        count += len(batch["label"])
        if count >= images:
            break
    return count / (time.perf_counter() - start)
