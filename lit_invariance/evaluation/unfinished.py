"""What an interrupted evaluation has measured so far, kept beside its results until they are written."""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pytorch_lightning.utilities import rank_zero_only

from lit_invariance.files import remove_leftovers, writable_folder
from lit_invariance.manifest import Manifest
from lit_invariance.results.outcomes import UNREADABLE, Outcomes, load_outcomes, save_outcomes

NAME = "unfinished"
LISTED = re.compile(rf"{NAME}/\w+")


@dataclass(frozen=True)
class Unfinished:
    """The parts of one evaluation, one file per batch, each written completely or not at all.

    Several processes may write at a time: an image is measured once, and a part is named by its images.

    Args:
        output: Folder of the results.
        fingerprint: Name of the evaluation.
    """

    output: Path
    fingerprint: str

    @classmethod
    def open(cls, output: Path, fingerprint: str, wanted: int) -> "Unfinished":
        """Take up an earlier run of the same evaluation, or begin with the first image.

        Args:
            output: Folder of the results.
            fingerprint: Name of the evaluation.
            wanted: Number of its images, to say how many of them are done.

        Raises:
            UserError: If the folder cannot be written, or holds a folder of that name that is not ours.
        """
        parts = cls(output, fingerprint)
        parts._prepare(wanted)
        return parts

    @property
    def folder(self) -> Path:
        """Where the parts of this evaluation are."""
        return self.output / NAME / self.fingerprint

    @rank_zero_only
    def _prepare(self, wanted: int) -> None:
        done = sum(len(part.indices) for part in self.read())
        if done:
            print(f"resuming where {self.output / NAME} stopped: {done} of {wanted} images are done")
        elif any((self.output / NAME).glob("*/*.npz")):
            print(
                f"{self.output / NAME} is of other models, protocols, data or settings; it stays until the results of "
                "this evaluation, which begins with the first image, are written"
            )
        Manifest(self.output).add(self.folder)
        writable_folder(self.folder)
        remove_leftovers(self.folder)

    def read(self) -> list[Outcomes]:
        """Return what has been measured."""
        parts = []
        for path in sorted(self.folder.glob("*.npz")):
            with suppress(*UNREADABLE):  # its images are measured once more
                parts.append(load_outcomes(path))
        return parts

    def add(self, part: Outcomes) -> None:
        """Keep what was measured of a batch."""
        first, count = np.min(part.indices), len(part.indices)
        save_outcomes(part, self.folder / f"{first:09d}_{count}.npz")

    def __enter__(self) -> "Unfinished":
        return self

    def __exit__(self, *error: object) -> None:
        """Leave no folder behind if not a single batch was measured."""
        if not any(self.folder.glob("*.npz")):
            self._remove([self.folder])

    def remove(self) -> None:
        """Delete the parts, and those of other evaluations in the folder, after the results are written."""
        names = filter(LISTED.fullmatch, Manifest(self.output).names)
        self._remove([self.output / name for name in sorted(names)])

    @rank_zero_only
    def _remove(self, folders: list[Path]) -> None:
        for folder in folders:
            if folder.is_symlink() or folder.parent.is_symlink():  # what lies behind a link is not ours
                continue
            for part in folder.glob("*.npz"):
                part.unlink(missing_ok=True)
            remove_leftovers(folder)
        for folder in (*folders, self.output / NAME):
            with suppress(OSError):  # something else is in it
                folder.rmdir()
        Manifest(self.output).forget_deleted()
