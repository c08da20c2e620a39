"""The cost of measuring invariance during the training, in one sentence."""

from typing import Any

import pytorch_lightning as pl

from lit_invariance.protocols import Protocol
from lit_invariance.training.choice import first_loader


def measuring_cost(trainer: pl.Trainer, protocol: Protocol, images: int, passes: int) -> str | None:
    """Return the views' share of an epoch's forward passes; a training step counts as three.

    Args:
        trainer: The trainer at the start of a training.
        protocol: What makes the views.
        images: The greatest number of images they are made of.
        passes: Forward passes that one picture costs.

    Returns:
        A sentence; None for a training without validation, or that shows no image.
    """
    loader = first_loader(trainer)
    if loader is None or not images or not sum(trainer.num_val_batches):
        return None
    train = images_of(trainer, trainer.train_dataloader, trainer.num_training_batches)
    shown = images_of(trainer, loader, trainer.num_val_batches[0])
    measured = min(images, shown)
    views = measured * len(protocol.steps) * passes
    share = views / (3 * train + shown * passes + views)
    return (
        f"invariance: {protocol.name} on {measured} of {shown} validation images, {len(protocol.steps)} views each: "
        f"about {share:.0%} of an epoch's computation"
    )


def images_of(trainer: pl.Trainer, loader: Any, batches: float) -> int:
    """Return how many images a loader shows in so many batches, on all processes."""
    return int(min(len(loader.dataset), batches * loader.batch_size * trainer.world_size))
