"""Running a measurement through Lightning's Trainer: devices, precision and progress as in training."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.utilities.exceptions import MisconfigurationException  # type: ignore[attr-defined]

from lit_invariance.errors import UserError
from lit_invariance.evaluation.data import EvaluationData, Loading
from lit_invariance.evaluation.embedding import tell_undefined
from lit_invariance.evaluation.executors import how, make_executor
from lit_invariance.evaluation.measurement import Measurement
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.plan import plan
from lit_invariance.evaluation.precision import EXACT, exact_float32
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.evaluation.unfinished import Unfinished
from lit_invariance.execution.lanes import Lanes, lanes_of
from lit_invariance.execution.memory import is_out_of_memory
from lit_invariance.execution.processes import is_dead_peer, is_dead_worker
from lit_invariance.parser import one_sentence
from lit_invariance.results.outcomes import Outcomes, merge
from lit_invariance.results.schema import How

LEAST = {
    "pytorch_lightning": logging.WARNING,
    "lightning_fabric": logging.WARNING,
    "torch.utils.cpp_extension": logging.ERROR,  # PyTorch's compiler warns where CUDA is installed but no GPU is
}
"""Logger to the least level of its messages that are shown."""


def make_trainer(
    accelerator: str, devices: int | str, precision: str, progress: bool, num_nodes: int = 1
) -> pl.Trainer:
    """Make a Trainer that predicts and leaves no files.

    Args:
        accelerator: As Lightning names it.
        devices: As Lightning takes it.
        precision: As Lightning names it; `"32-true"` is float32.
        progress: Whether to show a progress bar.
        num_nodes: Machines, each with so many devices.

    Raises:
        UserError: If this machine has no such device.
    """
    try:
        with _quiet():
            return pl.Trainer(
                accelerator=accelerator,
                devices=devices,
                num_nodes=num_nodes,
                precision=precision,  # type: ignore[arg-type]
                logger=False,
                enable_checkpointing=False,
                enable_model_summary=False,
                enable_progress_bar=progress,
                # Where rich is installed, Lightning would choose its bar, which vanishes from cluster logs.
                callbacks=[TQDMProgressBar()] if progress else [],
            )
    except (MisconfigurationException, ValueError, TypeError) as error:
        reason = one_sentence(str(error))
        raise UserError(f"--accelerator {accelerator} --devices {devices} are not available here: {reason}.") from error


def run(
    trainer: pl.Trainer,
    models: Sequence[Model],
    protocols: Sequence[ProtocolChoice],
    data: EvaluationData,
    seed: int,
    unfinished: Unfinished | None = None,
    draws: int = 1,
    compiling: str = "false",
    embedding: bool = False,
) -> tuple[Outcomes, list[How]]:
    """Score every image of the data for every model under every protocol.

    Images are decoded once for all models and protocols. The outcomes are the same on one process and on several.

    Args:
        trainer: From `make_trainer`.
        models: The models.
        protocols: The protocols.
        data: The images.
        seed: Seed of the views.
        unfinished: Where each batch is stored. Stored batches are not decoded or measured again.
        draws: Draws of each image's geometry, over which its scores are averaged.
        compiling: `true`, `false`, or `auto` where it saves more time than it takes.
        embedding: Whether features are measured as well.

    Returns:
        Per-image scores, in every process, and how each model was run.

    Raises:
        UserError: If an image cannot be read or is too small for a protocol, a model's logits are not finite, or it
            cannot be compiled.
    """
    device = trainer.strategy.root_device
    executors = {model.name: make_executor(model, device, embedding) for model in models}
    if embedding:
        tell_undefined(models, list(executors.values()))
    count = 1 if any(executor.single for executor in executors.values()) else lanes_of(device)
    earlier = [] if unfinished is None else unfinished.read()
    loading = Loading(data, {index for part in earlier for index in part.indices.tolist()})
    if earlier and not len(loading.images):
        return merge(earlier), [how(executor, count) for executor in executors.values()]
    with Lanes(count) as lanes:
        measurement = Measurement(
            executors,
            plan(models, protocols),
            [(model.name, choice.label) for choice in protocols for model in models],
            data.images,
            seed,
            lanes,
            compiling,
            None if unfinished is None else unfinished.add,
            draws,
            embedding,
        )
        try:
            predict(trainer, measurement, loading)
        except UserError as error:
            # A picture that one of several processes cannot read; the others wait for this one further down.
            if trainer.world_size == 1:
                raise
            measurement.mistake = error
        finally:
            measurement.record_what_is_answered()
    outcomes = merge([*earlier, *_gathered(measurement, trainer.world_size)])
    return outcomes, [how(executor, count) for executor in executors.values()]


def predict(trainer: pl.Trainer, measurement: pl.LightningModule, data: Any) -> None:
    """Run a measurement in the arithmetic that the Trainer was made for, without Lightning's advice.

    Args:
        trainer: From `make_trainer`.
        measurement: Keeps what it measures itself.
        data: A data module or a loader.

    Raises:
        UserError: If a process that loads pictures, or another one of several devices, died, or a batch does not fit
            into memory.
    """
    try:
        with _quiet(), exact_float32() if trainer.precision == EXACT else nullcontext():
            trainer.predict(measurement, data, return_predictions=False)
    except (RuntimeError, MemoryError) as error:
        if is_dead_worker(error):
            raise UserError(
                "a process that loads pictures was killed, probably because memory ran out; use fewer processes "
                "(--data.num_workers 1) or smaller batches (--data.batch_size 8)."
            ) from error
        if is_out_of_memory(error):
            raise UserError(
                "a batch of pictures does not fit into memory; make it smaller with --data.batch_size."
            ) from error
        if is_dead_peer(error):
            raise _left_alone() from error
        raise


def _gathered(measurement: Measurement, processes: int) -> list[Outcomes]:
    """Give every process the measurements of all, or end all of them with the first mistake, reported once."""
    own = measurement.mistake or (merge(measurement.parts) if measurement.parts else None)
    parts: list[Any] = [own]
    if processes > 1:
        parts = [None] * processes
        try:
            torch.distributed.all_gather_object(parts, own)
        except RuntimeError as error:
            if is_dead_peer(error):
                raise _left_alone() from error
            raise
    for part in parts:
        if isinstance(part, UserError):
            raise part if torch.distributed.get_rank() == 0 else SystemExit(2)
    return [part for part in parts if part is not None]


def _left_alone() -> UserError:
    return UserError(
        "another process of this evaluation has ended, and without it the evaluation cannot go on; look for its "
        "message above, or in the log of its node. The same command goes on from what was measured."
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's list of absent accelerators, its tips and its advice on workers off the screen."""
    loggers = [logging.getLogger(name) for name in LEAST]
    levels = [logger.level for logger in loggers]
    for logger, least in zip(loggers, LEAST.values(), strict=True):
        logger.setLevel(least)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*does not have many workers.*")
            warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated")  # Lightning 2.6 on recent torch
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
