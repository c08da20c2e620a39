"""The settings of a training for its loggers, with what came of it."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger

from lit_invariance.registry import parse_spec

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter  # takes half a second, which --help need not

FINAL = ("val/acc", "val/top1_change", "val/mean_absolute_change", "val/agreement", "val/error_consistency")


class Hyperparameters(Callback):
    """Fill TensorBoard's hparams tab with what was done and what came of it, so that mitigations can be compared.

    Other loggers get the settings of model and data from Lightning, and those of the Trainer from here.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tell the loggers what the settings of model and data do not say."""
        for logger in trainer.loggers:
            if not isinstance(logger, TensorBoardLogger):
                logger.log_hyperparams(_of_trainer(trainer))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the settings beside the last epoch's accuracy and stability."""
        writer, measured = _writer(trainer), trainer.callback_metrics
        if writer is None:
            return
        metrics = {
            f"val_result/{name.removeprefix('val/')}": float(measured[name]) for name in FINAL if name in measured
        }
        data = {} if trainer.datamodule is None else trainer.datamodule.hparams  # type: ignore[attr-defined]
        from torch.utils.tensorboard.summary import hparams

        for part in hparams(_described(pl_module.hparams, data) | _of_trainer(trainer), metrics):  # type: ignore[no-untyped-call]
            writer._get_file_writer().add_summary(part)  # type: ignore[no-untyped-call]
        for name, value in metrics.items():
            writer.add_scalar(name, value, trainer.global_step)


def _writer(trainer: pl.Trainer) -> "SummaryWriter | None":
    """TensorBoard's writer, in the process that has one."""
    if not trainer.is_global_zero:
        return None
    return next((logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)), None)


def _described(model: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that runs differ in, as words and numbers; TensorBoard opens on the first five of the alphabet."""
    mitigations = [parse_spec("mitigation", spec) for spec in model["mitigations"] or []]
    if data.get("translation"):
        mitigations.append(("translation", data["translation"]))
    applied = [f"{name} {options}" if options else name for name, options in mitigations]
    return {
        "applied_mitigations": " + ".join(applied) or "none",
        "backbone": model["backbone"],
        "batch_norm": _batch_norm(model["reestimate_batch_norm"], model["freeze_batch_norm"]),
        "batch_size": int(data.get("batch_size", 0)),
        "weights": str(model["weights"]),
        "pictures": str(data.get("dataset", "unknown")),
        "optimizer": model["optimizer"],
        "lr": float(model["lr"]),
        "weight_decay": float(model["weight_decay"]),
    }


def _batch_norm(reestimated: int, frozen: bool) -> str:
    words = [f"re-estimated on {reestimated}"] * bool(reestimated) + ["frozen"] * frozen
    return ", ".join(words) or "trained"


def _of_trainer(trainer: pl.Trainer) -> dict[str, int]:
    seed = os.environ.get("PL_GLOBAL_SEED", -1)  # where Lightning leaves it
    return {"epochs": int(trainer.max_epochs or -1), "seed": int(seed)}
