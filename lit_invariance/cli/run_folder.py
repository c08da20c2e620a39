"""Where a training's files are, and what happens to those of an earlier run with the same name."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

from lit_invariance.errors import UserError
from lit_invariance.files import missing_folders, remove_empty, writable_folder
from lit_invariance.training.checkpoint import read_checkpoint
from lit_invariance.training.checkpoint_files import BEST, LAST
from lit_invariance.training.restored import check_resumable

CHECKPOINTS, RUNS = Path("checkpoints"), Path("runs")
LOGGERS = ("csv", "tensorboard")
"""Folders below `runs/<name>` of the loggers that a user names without a folder."""
OURS = ".lit_invariance"
"""Ends the names of the files of curves that this command wrote."""


class RunFolder:
    """`checkpoints/<name>` and `runs/<name>`. Nothing is deleted that an earlier run of this command did not write.

    Args:
        name: Name of the run.

    Attributes:
        resumed_settings: Settings of the model in the checkpoint that `resumed` found; empty for a fresh start.

    Raises:
        UserError: If the name leads out of these folders.
    """

    def __init__(self, name: str) -> None:
        parts = PurePosixPath(name).parts
        # A PurePosixPath drops the dots that stand alone, so that the text is looked at as well.
        dots = {".", ".."} & set(name.replace("\\", "/").split("/"))
        if not name.strip() or not parts or PurePosixPath(name).is_absolute() or dots or "\0" in name:
            raise UserError(f"--name '{name}' leads out of {CHECKPOINTS}/; a name is a word such as 'aa_resnet50'.")
        self.checkpoints, self.curves = CHECKPOINTS / name, RUNS / name
        self.best, self.last = self.checkpoints / BEST, self.checkpoints / LAST
        self.resumed_settings: Mapping[str, Any] = {}
        self._earlier: list[Path] = []
        self._logged_before: set[Path] = set()
        self._made: list[Path] = []
        self._begun = False

    @property
    def stands(self) -> bool:
        """Whether `last.ckpt` is of this run and not of one that it replaces."""
        return self._begun and self.last.is_file()

    def resumed(self, asked: str | None, overwrite: bool) -> str | None:
        """Turn the value of `--ckpt_path` into a file.

        Args:
            asked: A path, `last`, or `auto`: the last checkpoint where there is one, else a fresh start.
            overwrite: Whether an earlier run is to be replaced.

        Returns:
            The file; None for a fresh start.

        Raises:
            UserError: If there is no such file, or it is no checkpoint of this project.
        """
        if asked is None:
            return None
        if overwrite:
            raise UserError("--overwrite true starts a new run and --ckpt_path resumes one; leave one of them out.")
        path = Path(asked)
        if asked == "auto":
            # A run that was killed after its first epoch's best and before its last has only that.
            found = [path for path in (self.last, self.best) if path.is_file()]
            if not found:
                return None
            path = found[0]
        elif asked == "last":
            path = self.last
        if not path.is_file():
            other = f"resume from {self.best}" if self.best.is_file() else "train without --ckpt_path first"
            raise UserError(f"there is no checkpoint {path} to resume from; {other}.")
        # A broken checkpoint is reported before anything is built or downloaded.
        content = read_checkpoint(path)
        check_resumable(str(path), content)
        self.resumed_settings = content["hyper_parameters"]
        self._begun = path.resolve() == self.last.resolve()
        return str(path)

    def check_free(self, overwrite: bool) -> None:
        """Check that a fresh start loses nothing.

        Args:
            overwrite: Whether an earlier run is to be replaced.

        Raises:
            UserError: If the folder holds checkpoints of an earlier run or, with `overwrite`, other files.
        """
        found = [path for path in (self.best, self.last) if path.exists()]
        if found and not overwrite:
            # A run that was killed before its first `last.ckpt` has only a best one, which auto takes.
            resuming = "last" if self.last in found else "auto"
            raise UserError(
                f"{self.checkpoints} holds an earlier run; resume it with --ckpt_path {resuming}, replace it with "
                "--overwrite true, or choose another --name."
            )
        for path in found:
            try:
                read_checkpoint(path)
            except UserError as error:
                raise UserError(
                    f"{path} would be replaced, but it is not a checkpoint of train.py; move it away."
                ) from error

    def check_writable(self) -> None:
        """Check that both folders can be made and written to, and leave none behind.

        Raises:
            UserError: If they cannot.
        """
        for folder in (self.checkpoints, self.curves):
            writable_folder(next(path for path in (folder, *folder.parents) if path.exists()))

    def make(self) -> None:
        """Make the folder of the checkpoints; the loggers make the other, if any of them writes there."""
        self._logged_before = {*self._our_curves(), *self._logged()}
        self._made = [*missing_folders(self.checkpoints), *missing_folders(self.curves)]
        writable_folder(self.checkpoints)

    def mark_earlier(self) -> None:
        """Note which files a new run replaces."""
        self._earlier = [path for path in (self.best, self.last, *self._our_curves()) if path.is_file()]

    def _our_curves(self) -> list[Path]:
        return sorted(self.curves.glob(f"events.out.tfevents.*{OURS}"))

    def _logged(self) -> list[Path]:
        """What loggers that the user named without a folder have written."""
        folders = [self.curves / folder for folder in LOGGERS if (self.curves / folder).is_dir()]
        return [*folders, *(path for folder in folders for path in folder.rglob("*"))]

    def remove_earlier(self, first: Path) -> None:
        """Delete the earlier run, if there is one, now that this one can be resumed.

        Args:
            first: The new run's first checkpoint.
        """
        self._begun = True
        for path in self._earlier:
            if path.resolve() != first.resolve():
                path.unlink(missing_ok=True)
        self._earlier = []

    def leave_nothing(self) -> None:
        """Remove the curves and the folders of a run that ended before its first step, if nothing else is in them."""
        new = {*self._our_curves(), *self._logged()} - self._logged_before
        settings = [self.curves / "hparams.yaml"] if self.curves in self._made else []
        for path in [*new, *settings]:
            if not path.is_dir():
                path.unlink(missing_ok=True)
        remove_empty([*sorted(new, reverse=True), *self._made])


def check_no_foreign_checkpoint(root: Path, files: Sequence[Path]) -> None:
    """Check that Lightning finds no checkpoint from which it would resume without being asked.

    Args:
        root: Lightning's `default_root_dir`, where a SLURM job looks for `hpc_ckpt_*.ckpt`.
        files: Further files from which Lightning resumes if they exist.

    Raises:
        UserError: If there is one.
    """
    found = sorted(root.glob("hpc_ckpt_*.ckpt")) if SLURMEnvironment.detect() else []
    for path in [*found, *(file for file in files if file.is_file())]:
        raise UserError(
            f"Lightning would resume from {path} instead of starting a new run; resume with --ckpt_path {path}, "
            "or move it away."
        )
