"""Optimisers by name, their parameter groups, and the learning-rate curve."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lit_invariance.training.learning_rate import scaled, true_batch

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": lambda groups, momentum, fused=False: torch.optim.SGD(
        groups, lr=0.1, momentum=momentum, nesterov=momentum > 0, fused=fused
    ),
    "adamw": lambda groups, momentum, fused=False: torch.optim.AdamW(groups, betas=(momentum, 0.999), fused=fused),
}
FUSED_ON = ("cpu", "cuda")


def can_fuse(trainer: pl.Trainer) -> bool:
    """Whether the optimiser may do its step in one kernel instead of several.

    Scaled gradients, as those of `16-mixed`, would be unscaled inside that kernel, and Lightning could not clip them.

    Args:
        trainer: The trainer, whose strategy knows its device.
    """
    return trainer.strategy.root_device.type in FUSED_ON and trainer.precision != "16-mixed"


def scheduled_optimizer(
    trainer: pl.Trainer, network: nn.Module, heads: Sequence[str], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the optimiser of a training and its schedule, which advances with every batch, as Lightning takes them.

    Args:
        trainer: Its trainer.
        network: The network.
        heads: Names of its classification layers.
        options: Those of `LitClassifier`.
    """
    warmup, total = planned_steps(trainer, options["warmup_epochs"])
    stated = options["lr"], options["lr"] if options["backbone_lr"] is None else options["backbone_lr"]
    batch, kind = true_batch(trainer), options["optimizer"]
    lr, backbone_lr = (scaled(rate, kind, batch) if options["lr_scaling"] else rate for rate in stated)
    groups = parameter_groups(network, heads, lr, backbone_lr, options["weight_decay"])
    optimizer = OPTIMIZERS[kind](groups, options["momentum"], can_fuse(trainer))
    curve = LambdaLR(optimizer, partial(warmup_cosine, warmup=warmup, total=total))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": curve, "interval": "step"}}


def parameter_groups(
    network: nn.Module, heads: Sequence[str], lr: float, backbone_lr: float, weight_decay: float
) -> list[dict[str, object]]:
    """Sort the trainable parameters by learning rate and by decay.

    Biases and normalisation parameters, the one-dimensional ones, are not decayed.

    Args:
        network: The network.
        heads: Names of its classification layers.
        lr: Learning rate of those layers.
        backbone_lr: Learning rate of all other layers.
        weight_decay: Decay of the parameters with two dimensions or more.

    Returns:
        Non-empty groups for an optimiser, each with a `name`.
    """
    groups = {}
    for part, rate in (("head", lr), ("backbone", backbone_lr)):
        for kind, decay in (("", weight_decay), ("/no_decay", 0.0)):
            groups[part + kind] = {"name": part + kind, "params": [], "lr": rate, "weight_decay": decay}
    for path, parameter in network.named_parameters():
        if parameter.requires_grad:
            part = "head" if _belongs(path, heads) else "backbone"
            groups[part + ("" if parameter.ndim > 1 else "/no_decay")]["params"].append(parameter)  # type: ignore[attr-defined]
    return [group for group in groups.values() if group["params"]]


def keep_all_but(network: nn.Module, heads: Sequence[str]) -> None:
    """Keep every parameter as it is but those of some layers: they need no gradient any more.

    Args:
        network: The network, changed in place.
        heads: Names of the layers that are trained.
    """
    for path, parameter in network.named_parameters():
        parameter.requires_grad_(_belongs(path, heads))


def _belongs(path: str, heads: Sequence[str]) -> bool:
    return path.startswith(tuple(f"{head}." for head in heads))


def planned_steps(trainer: pl.Trainer, warmup_epochs: float) -> tuple[int, float]:
    """Count the optimiser steps of a training, whose loaders are set up with that.

    Args:
        trainer: Its trainer.
        warmup_epochs: Epochs of the warm-up, not necessarily a whole number.

    Returns:
        Steps of the warm-up, and of the whole training: infinite if epochs and steps are both unlimited.
    """
    total = trainer.estimated_stepping_batches
    if trainer.train_dataloader is None:  # a training that is not limited in epochs was estimated without it
        trainer.fit_loop.setup_data()
    an_epoch = math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)
    return int(min(round(warmup_epochs * an_epoch), total)), total


def warmup_cosine(step: int, warmup: int, total: float) -> float:
    """Factor on the learning rate: a linear rise, then half a cosine down to 0.

    Loshchilov & Hutter, "SGDR", ICLR 2017, equation 5 without restarts; the warm-up is that of Goyal et al. 2017,
    section 2.2.

    Args:
        step: Optimiser step, from 0.
        warmup: Steps of the rise; step `warmup - 1` has factor 1.
        total: Steps of the whole training; with infinitely many there is no fall.

    Returns:
        A factor in [0, 1].
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
