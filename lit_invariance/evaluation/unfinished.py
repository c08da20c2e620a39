"""What an interrupted evaluation has measured so far, kept beside its results until it is finished."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pytorch_lightning.utilities import rank_zero_only

from lit_invariance.results.outcomes import UNREADABLE, Outcomes, load_outcomes, save_outcomes

NAME = "unfinished"


@dataclass(frozen=True)
class Unfinished:
    """The parts of one evaluation, a file a batch, each written whole or not at all.

    Several processes may write at a time: an image is measured once, and a part is named by its evaluation and images.

    Args:
        folder: Where the parts are.
        fingerprint: Name of the evaluation.
    """

    folder: Path
    fingerprint: str

    @classmethod
    def open(cls, output: Path, fingerprint: str, wanted: int) -> "Unfinished":
        """Take up an earlier run of the same evaluation, or begin anew.

        Args:
            output: Folder of the results.
            fingerprint: Name of the evaluation.
            wanted: Number of its images, to say how many of them are done.
        """
        parts = cls(output / NAME, fingerprint)
        parts._prepare(wanted)
        return parts

    @rank_zero_only
    def _prepare(self, wanted: int) -> None:
        done = sum(len(part.indices) for part in self.read())
        if done:
            print(f"going on where {self.folder} stopped: {done} of {wanted} images are done")
        elif any(self.folder.glob("*.npz")):
            print(f"{self.folder} is of other models, protocols, data or settings; starting anew")
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def read(self) -> list[Outcomes]:
        """Return what has been measured."""
        parts = []
        for path in sorted(self.folder.glob(f"{self.fingerprint}_*.npz")):
            with suppress(*UNREADABLE):  # its images are measured anew
                parts.append(load_outcomes(path))
        return parts

    def add(self, part: Outcomes) -> None:
        """Keep what was measured of a batch."""
        first, count = np.min(part.indices), len(part.indices)
        save_outcomes(part, self.folder / f"{self.fingerprint}_{first:09d}_{count}.npz")

    def __enter__(self) -> "Unfinished":
        return self

    def __exit__(self, *error: object) -> None:
        """Leave no folder behind if not a single batch was measured."""
        if not any(self.folder.glob("*.npz")):
            self.remove()

    @rank_zero_only
    def remove(self) -> None:
        """Forget the parts, once the results are written."""
        shutil.rmtree(self.folder)
