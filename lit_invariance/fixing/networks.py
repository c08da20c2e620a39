"""Making one of the recipe's networks, and keeping it as a checkpoint that the commands take."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.files import replacing
from lit_invariance.fixing.candidates import Arm
from lit_invariance.fixing.plan import Plan
from lit_invariance.registry import Spec
from lit_invariance.training.checkpoint import read_checkpoint
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.training.finite_loss import FiniteLoss
from lit_invariance.training.step_seeds import StepSeeds


def make_network(plan: Plan, arm: Arm, path: Path, positions: Sequence[int] | None = None) -> None:
    """Train a network, or take the weights as they are, and write it as a checkpoint.

    It is trained for all its epochs without validation: the held-out pictures are to judge it, not to choose an epoch.

    Args:
        plan: The settings of the run.
        arm: What to make.
        path: The checkpoint, written when all is done.
        positions: Positions of the training images to train on; None for all.

    Raises:
        UserError: If the training diverges, or a setting or a picture is not valid.
    """
    pl.seed_everything(plan.seed, verbose=False)
    data = plan.data_for(arm, positions)
    with _warnings_only():
        network = LitClassifier(**{**plan.model_for(arm), "invariance_images": 0})
        if arm.trained:
            trainer = pl.Trainer(
                **plan.trainer,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                limit_val_batches=0,
                callbacks=[FiniteLoss(), StepSeeds()],
            )
            trainer.fit(network, data)
    options = {**network.hparams, "invariance_images": plan.model["invariance_images"]}
    _write(path, _content(network, options, data))


def with_inference(source: Path, inference: Sequence[Spec], target: Path) -> None:
    """Write a checkpoint once more, with inference wrappers inside.

    Args:
        source: The checkpoint of the network.
        inference: The wrappers, the first one seeing the picture first.
        target: Where to write it.
    """
    content = read_checkpoint(source)
    options = content["hyper_parameters"]
    options["mitigations"] = [*(options["mitigations"] or ()), *inference] or None
    _write(target, content)


def _content(network: LitClassifier, options: dict[str, Any], data: InvarianceData) -> dict[str, Any]:
    return {
        "pytorch-lightning_version": version("pytorch-lightning"),
        "epoch": 0,
        "global_step": 0,
        "state_dict": {name: value.cpu() for name, value in network.state_dict().items()},
        "hyper_parameters": options,
        "datamodule_hyper_parameters": dict(data.hparams),
        InvarianceData.__qualname__: data.state_dict(),
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    with replacing(path) as temporary:
        torch.save(content, temporary)


@contextmanager
def _warnings_only() -> Iterator[None]:
    """Keep the words of every single training off the screen, but for what goes wrong in it."""
    handlers = [
        (logger, handler)
        for logger in (logging.getLogger("pytorch_lightning"), logging.getLogger("lightning.pytorch"))
        for handler in logger.handlers
    ]
    wrong = _Wrong()
    for _, handler in handlers:
        handler.addFilter(wrong)
    try:
        yield
    finally:
        for _, handler in handlers:
            handler.removeFilter(wrong)


class _Wrong(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or record.getMessage().startswith("warning")
