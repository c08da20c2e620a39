"""Where the curves of a training go: TensorBoard, or the loggers that the user names."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from lit_invariance.cli.run_folder import OURS, RUNS
from lit_invariance.environment import environment
from lit_invariance.errors import UserError, said_by
from lit_invariance.extras import optional
from lit_invariance.parser import one_sentence

# Lightning's own defaults, which would be one folder for the runs of all projects.
UNNAMED: tuple[Any, ...] = (None, "lightning_logs", ".", "./mlruns")
# One store, because `mlflow ui` compares the runs of a store.
MLFLOW_STORE = RUNS / "mlruns"
MLFLOW_ALLOWS_FILES = "MLFLOW_ALLOW_FILE_STORE"
OPENS_ON = ("val/acc", "val/top1_change")
GROUPS = {"val": "val_other", "train": "while_training"}
PACKAGES = {"WandbLogger": "wandb", "MLFlowLogger": "mlflow"}
SERVICES = {"wandb": "W&B", "mlflow": "MLflow", "comet_ml": "Comet"}
FIXES = {"wandb": "; WANDB_MODE=offline keeps them on this machine"}


class Curves(TensorBoardLogger):
    """TensorBoard that opens on accuracy and stability: it shows groups and curves in alphabetical order.

    The other curves of a validation go into the group `val_other`, those of the training into `while_training`. The
    epoch number, which would be a group of its own, is left out.
    """

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write scalars.

        Args:
            metrics: Tag to value.
            step: The training step.
        """
        super().log_metrics({_placed(tag): value for tag, value in metrics.items() if tag != "epoch"}, step)


def _placed(tag: str) -> str:
    group, slash, curve = tag.partition("/")
    return tag if tag in OPENS_ON else GROUPS.get(group, group) + slash + curve


def with_folders(given: Any, name: str) -> Any:
    """Give a folder and a name below `runs/` to each logger that the user left without.

    Args:
        given: `--trainer.logger` as it was parsed.
        name: Name of the run.

    Returns:
        The same with `init_args` completed; `given` is not changed.
    """
    if isinstance(given, list):
        return [with_folders(one, name) for one in given]
    if not isinstance(given, Namespace):
        return given
    completed = given.clone()
    options = completed.get("init_args") or Namespace()  # type: ignore[no-untyped-call]
    for option, value in _folders(_class_name(given), name).items():
        if options.get(option) in UNNAMED:
            options[option] = value
    completed["init_args"] = options
    return completed


def _folders(logger: str, name: str) -> dict[str, str]:
    of_run = RUNS / name
    return {
        # An empty name leaves out a folder between this one and `version_0`.
        "CSVLogger": {"save_dir": str(of_run / "csv"), "name": ""},
        "TensorBoardLogger": {"save_dir": str(of_run / "tensorboard"), "name": ""},
        "WandbLogger": {"save_dir": str(of_run), "name": name},
        "MLFlowLogger": {"save_dir": str(MLFLOW_STORE), "run_name": name},
    }.get(logger, {})


def _class_name(given: Namespace) -> str:
    return str(given["class_path"]).rpartition(".")[2]


def check_installed(given: Any) -> None:
    """See that the packages of the named loggers are there.

    Args:
        given: `--trainer.logger` as it was parsed.

    Raises:
        UserError: If one is missing.
    """
    for logger in _named(given):
        if logger in PACKAGES:
            optional(PACKAGES[logger], "loggers", f"--trainer.logger {logger}")


@contextmanager
def usable(given: Any) -> Iterator[None]:
    """Make and use the named loggers in the block.

    Args:
        given: `--trainer.logger` as it was parsed.

    Raises:
        UserError: If a logger refuses its options, or its service refuses the curves.
    """
    # MLflow from 3.7 refuses a store of files, the only one that its small package has, unless that is set.
    allowed = "MLFlowLogger" in _named(given) and MLFLOW_ALLOWS_FILES not in os.environ
    with environment(MLFLOW_ALLOWS_FILES, "true") if allowed else nullcontext():
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            library = type(error).__module__.partition(".")[0]
            if library in SERVICES:
                fix = FIXES.get(library, "")
                raise UserError(f"{SERVICES[library]} does not take the curves: {said_by(error)}{fix}.") from error
            if (
                isinstance(error, ValueError)
                and error.__cause__
                and "class_path='pytorch_lightning.loggers" in str(error)
            ):
                raise UserError(f"--trainer.logger: {one_sentence(str(error.__cause__))}.") from error
            raise


def _named(given: Any) -> list[str]:
    loggers = given if isinstance(given, list) else [given]
    return [_class_name(logger) for logger in loggers if isinstance(logger, Namespace)]


def chosen(made: Any, name: str) -> Any:
    """Return the loggers of a run.

    Args:
        made: The user's: one, a list, False for none; None or True where none was named.
        name: Name of the run.

    Returns:
        The user's, or TensorBoard at `runs/<name>`.
    """
    if made is None or made is True:
        return Curves(RUNS, name=name, version="", default_hp_metric=False, filename_suffix=OURS)
    return made


def shown_by(logger: Logger) -> str:
    """Say where a logger wrote the curves, or how to look at them.

    Args:
        logger: A logger that was used in this process.
    """
    if isinstance(logger, TensorBoardLogger):
        return f"tensorboard --logdir {RUNS if isinstance(logger, Curves) else logger.log_dir}"
    if isinstance(logger, CSVLogger):
        return str(Path(logger.log_dir) / "metrics.csv")
    if isinstance(logger, WandbLogger):
        run = logger.experiment
        return f"wandb sync {Path(run.dir).parent}" if run.offline else str(run.url)
    if isinstance(logger, MLFlowLogger):
        store = logger.experiment.tracking_uri
        allowed = f"{MLFLOW_ALLOWS_FILES}=true " if logger.save_dir else ""
        return f"{allowed}mlflow ui --backend-store-uri {logger.save_dir or store} (run {logger.run_id})"
    return f"{type(logger).__name__} {logger.version or ''}".rstrip()
