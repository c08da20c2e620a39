"""The learning rate, stated for a batch of 256 images, that follows the true batch."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl

STATED_FOR = 256
# SGD: Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.1. AdamW: Malladi et al., "On the SDEs and Scaling
# Rules for Adaptive Gradient Algorithms", NeurIPS 2022, definition 5.1.
RULES: dict[str, tuple[str, Callable[[float], float]]] = {
    "sgd": ("in proportion", float),
    "adamw": ("by the square root", math.sqrt),
}
FAR = 2.0


@dataclass(frozen=True)
class TrueBatch:
    """The images of one optimiser step.

    Attributes:
        images: Of one process and one pass.
        processes: How many there are, over all nodes.
        passes: Passes whose gradients are accumulated.
    """

    images: int
    processes: int = 1
    passes: int = 1

    @property
    def size(self) -> int:
        """Their number."""
        return self.images * self.processes * self.passes

    def __str__(self) -> str:
        """Return the number and where it comes from, such as `64 (32 x 2 processes)`."""
        several = [f" x {self.processes} processes"] * (self.processes > 1) + [f" x {self.passes} passes"] * (
            self.passes > 1
        )
        return f"{self.size} ({self.images}{''.join(several)})" if several else f"{self.size}"


def true_batch(trainer: pl.Trainer) -> TrueBatch:
    """Return the batch of a training whose loaders are set up.

    Args:
        trainer: Its trainer.
    """
    loader: Any = trainer.train_dataloader
    images = loader.batch_size or STATED_FOR  # None of a loader that does not say how its batches are made
    with suppress(TypeError):  # a stream has no length
        images = min(images, len(loader.sampler))
    return TrueBatch(images, trainer.world_size, trainer.accumulate_grad_batches)


def scaled(lr: float, optimizer: str, batch: TrueBatch) -> float:
    """Scale a learning rate that was stated for 256 images.

    Args:
        lr: The learning rate.
        optimizer: A name in `RULES`.
        batch: The true batch.
    """
    return lr * RULES[optimizer][1](batch.size / STATED_FOR)


def rate_in_use(trainer: pl.Trainer, options: Mapping[str, Any]) -> str:
    """Say which learning rate a training has after its warm-up; see `about_rate`.

    Args:
        trainer: The trainer at the start of a training, or where it is resumed.
        options: Those of `LitClassifier`.
    """
    group = trainer.optimizers[0].param_groups[0]  # the classification layer's, where that is trained
    lr = options["lr"] if group["name"].startswith("head") or options["backbone_lr"] is None else options["backbone_lr"]
    return about_rate(lr, options["optimizer"], true_batch(trainer), options["lr_scaling"], group["initial_lr"])


def about_rate(lr: float, optimizer: str, batch: TrueBatch, scaling: bool, used: float) -> str:
    """Say which learning rate a training has, and why.

    Args:
        lr: The stated one.
        optimizer: A name in `RULES`.
        batch: The true batch.
        scaling: Whether it follows the batch.
        used: The one in use; a resumed training keeps that of its start.

    Returns:
        A line; a second one warns where the rate in use is that of another batch.
    """
    due = scaled(lr, optimizer, batch)
    told = f"learning rate: {used:.4g} at batch {batch}; "
    if scaling and math.isclose(used, due, rel_tol=1e-6):
        rule = f"model.lr {lr:.4g} is for {STATED_FOR} images and is scaled {RULES[optimizer][0]}"
        return f"{told}{rule} (--model.lr_scaling false turns this off)"
    if scaling:
        told += f"kept from the start of the training, while this batch would have {due:.4g}"
        about, fix = "the learning rate is", "resume with the earlier batch, or start a new run"
    else:
        told += "model.lr is not scaled"
        about, fix = f"if model.lr was chosen for {STATED_FOR} images, it is", "set --model.lr_scaling true"
    if not lr or 1 / FAR < used / due < FAR:
        return told
    danger = "diverge" if used > due else "hardly move"
    warning = f"{about} {used / due:.2g} times what this batch asks for, and the training may {danger}; {fix}."
    return f"{told}\nwarning: {warning}"
