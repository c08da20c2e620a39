"""The training command: LightningCLI with the project's output folders."""

import logging
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from jsonargparse import Namespace
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_info, rank_zero_only

from lit_invariance.cli.configs import ConfigFile
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.files import replacing, writable_folder
from lit_invariance.parser import OneSentenceErrors
from lit_invariance.training.checkpoint import read_checkpoint
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.training.progress import progress
from lit_invariance.training.tensorboard import Hyperparameters, ProbePictures, Throughput
from lit_invariance.version import version

CHECKPOINTS, RUNS = Path("checkpoints"), Path("runs")
OF_THIS_CALL = ("config", "ckpt_path", "overwrite")
SAME_WHEN_RESUMED = ("backbone", "num_classes", "mitigations", "optimizer")


class TrainingParser(OneSentenceErrors, LightningArgumentParser):
    """Lightning's parser, whose errors are one sentence."""


class Curves(TensorBoardLogger):
    """TensorBoard with the curves that matter where they are seen: it opens the first two groups only.

    The epoch's number, a group of its own, is left out, and the learning rates stand with the training.
    """

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write scalars.

        Args:
            metrics: Tag to value.
            step: The training step.
        """
        tags = {tag: f"train/{tag}" if tag.startswith("lr-") else tag for tag in metrics if tag != "epoch"}
        super().log_metrics({tags[tag]: metrics[tag] for tag in tags}, step)


class SaveResolvedConfig(SaveConfigCallback):
    """Write the resolved config beside the checkpoints, so that `--config` with that file repeats the run."""

    def save_config(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Write `checkpoints/<name>/config.yaml`."""
        kept = {key: value for key, value in self.config.items() if key not in OF_THIS_CALL}
        config = Namespace(kept)  # type: ignore[no-untyped-call]
        with replacing(CHECKPOINTS / self.config["name"] / "config.yaml") as path:
            path.write_text(self.parser.dump(config, skip_none=False, skip_validation=True))


class TrainingCLI(LightningCLI):
    """`train.py`: config files by name, overrides, outputs under `checkpoints/<name>` and `runs/<name>`."""

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Make the parser whose `--config` looks names up."""
        parser = self.parser_class(**kwargs, version=version())
        parser.add_argument(
            "-c",
            "--config",
            action=ConfigFile,
            help="A config: a path, or a name in configs/. May be repeated; later ones overlay earlier ones.",
        )
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what Lightning's Trainer has no word for."""
        parser.add_argument(
            "--name", type=str | None, help="Name of the run; the first config's file name if not given."
        )
        parser.add_argument("--ckpt_path", type=str | None, help="Resume from a checkpoint: a path, or 'last'.")
        parser.add_argument("--overwrite", type=bool, default=False, help="Delete an earlier run of the same name.")
        parser.link_arguments("data.image_size", "model.image_size")

    def before_instantiate_classes(self) -> None:
        """Settle the run's name and folders before anything expensive happens."""
        configs = self.config.get("config") or []
        self.config["name"] = self.config["name"] or (Path(str(configs[0])).stem if configs else "run")
        self.folder = CHECKPOINTS / self.config["name"]
        if self.config["ckpt_path"] == "last":
            self.config["ckpt_path"] = str(self.folder / "last.ckpt")
        resume = self.config["ckpt_path"]
        if resume and not Path(resume).is_file():
            raise UserError(f"there is no checkpoint {resume} to resume from; train without --ckpt_path first.")
        if resume:
            read_checkpoint(resume)  # a broken one is told before anything is built or downloaded
        if self._leaves_files:
            self._check_folders(resume)

    @property
    def _leaves_files(self) -> bool:
        return not self.config["trainer"]["fast_dev_run"]

    @rank_zero_only
    def _check_folders(self, resume: str | None) -> None:
        if any(self.folder.glob("*.ckpt")) and not resume and not self.config["overwrite"]:
            raise UserError(
                f"{self.folder} holds an earlier run; resume it with --ckpt_path last, replace it with "
                "--overwrite true, or choose another --name."
            )
        writable_folder(self.folder)
        writable_folder(RUNS / self.config["name"])

    def check(self) -> None:
        """Find what would end the training in its first minute, before an earlier run is touched.

        Raises:
            UserError: If the data cannot be opened, has another number of classes than the model, or a checkpoint to
                resume from is of another training.
        """
        if self.config["ckpt_path"]:
            self._check_same_training(read_checkpoint(self.config["ckpt_path"])["hyper_parameters"])
        if not self.datamodule.hparams["download"]:
            self.datamodule.check_classes(self.model.num_classes)
            self.datamodule.setup("fit")

    def _check_same_training(self, earlier: Mapping[str, Any]) -> None:
        for option in SAME_WHEN_RESUMED:
            before, now = earlier.get(option), self.model.hparams.get(option)
            if before != now:
                raise UserError(
                    f"{self.config['ckpt_path']} was trained with model.{option} {before}, not {now}; resume with the "
                    "same settings, or begin a run of its own with another --name and without --ckpt_path."
                )

    @rank_zero_only
    def clear(self) -> None:
        """Delete the checkpoints and curves of an earlier run, unless it goes on."""
        if self._leaves_files and not self.config["ckpt_path"]:
            events = (RUNS / self.config["name"]).glob("events.out.tfevents.*")
            for path in [*self.folder.glob("*.ckpt"), *events]:
                path.unlink()

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Make the Trainer with the logger and the callbacks every run has."""
        logger = Curves(RUNS, name=self.config["name"], version="", default_hp_metric=False)
        try:
            return super().instantiate_trainer(logger=logger, callbacks=self._callbacks(), **kwargs)
        except UserError:
            raise
        except (MisconfigurationException, ValueError) as error:
            raise UserError(f"the trainer options do not fit this machine or each other: {error}") from error

    def _callbacks(self) -> list[Callback]:
        trainer = self.config_init["trainer"]
        bar = trainer["enable_progress_bar"] is not False
        trainer["enable_progress_bar"] = bar and sys.stdout.isatty()
        callbacks = [*(trainer["callbacks"] or []), LearningRateMonitor(), *progress(bar)]
        callbacks += [Throughput(), ProbePictures(), Hyperparameters()]
        if trainer["enable_checkpointing"] is not False and not trainer["fast_dev_run"]:
            best, last = best_and_last(self.folder)
            callbacks += [last] if trainer["limit_val_batches"] == 0 else [best, last]
        return callbacks


def best_and_last(folder: Path) -> list[Callback]:
    """Keep the most accurate epoch and the last one.

    Accuracy decides, for a classifier that always gives one answer is perfectly invariant. Two callbacks, for one that
    watches accuracy writes its `last.ckpt` only when accuracy has risen.

    Args:
        folder: Where `best.ckpt` and `last.ckpt` are written at every epoch's end.

    Returns:
        The callbacks.
    """
    best = ModelCheckpoint(folder, filename="best", monitor="val/acc", mode="max", enable_version_counter=False)
    last = ModelCheckpoint(folder, filename="last", save_on_train_epoch_end=True, enable_version_counter=False)
    return [best, last]


def train(args: list[str] | None = None) -> TrainingCLI:
    """Train as `python train.py` does.

    Args:
        args: Command-line arguments; None takes the process's own.

    Returns:
        The command-line object, with the fitted `model`, `datamodule` and `trainer`.

    Raises:
        UserError: If the user must mend something.
        SystemExit: With code 2 after a bad argument, 0 after `--help` or `--print_config`.
    """
    _silence_advertisements()
    cli = TrainingCLI(
        LitClassifier,
        InvarianceData,
        save_config_callback=SaveResolvedConfig,
        save_config_kwargs={"save_to_log_dir": False},
        seed_everything_default=0,
        parser_class=TrainingParser,
        auto_configure_optimizers=False,
        load_from_checkpoint_support=False,
        run=False,
        args=args,
    )
    cli.check()
    cli.clear()
    cli.trainer.fit(cli.model, cli.datamodule, ckpt_path=cli.config["ckpt_path"], weights_only=True)
    if cli.trainer.checkpoint_callback and not cli.config["trainer"]["fast_dev_run"]:
        best = cli.trainer.checkpoint_callback.best_model_score  # type: ignore[attr-defined]
        kept = "last.ckpt" if best is None else f"best.ckpt (val/acc {best:.4f}) and last.ckpt"
        rank_zero_info(
            f"checkpoints: {cli.folder}/{kept}, with config.yaml\n"
            f"curves:      tensorboard --logdir {RUNS}\n"
            "compare:     python evaluate.py"
        )
    return cli


def _silence_advertisements() -> None:
    """Drop what Lightning says that no user of this command can act upon."""
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")  # Lightning's calls, not ours or the user's
    warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated")
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty")  # config.yaml stands there
    warnings.filterwarnings("ignore", ".*args parameter is intended to run from within Python")
    logging.getLogger("pytorch_lightning.utilities.rank_zero").addFilter(_no_advertisement)


def _no_advertisement(record: logging.LogRecord) -> bool:
    return not any(words in record.getMessage() for words in ("litlogger", "`Trainer.fit` stopped"))
