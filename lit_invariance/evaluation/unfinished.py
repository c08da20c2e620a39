"""What an interrupted evaluation has measured so far, kept beside its results until it is finished."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pytorch_lightning.utilities import rank_zero_only

from lit_invariance.evaluation.outcomes import Outcomes, load_outcomes, save_outcomes
from lit_invariance.files import replacing

NAME = "unfinished"


@dataclass(frozen=True)
class Unfinished:
    """The parts of one evaluation, a file a batch, each written whole or not at all.

    Several processes may write at a time: an image is measured once, and a part is named by its images.

    Args:
        folder: Where the parts are.
    """

    folder: Path

    @classmethod
    def open(cls, output: Path, fingerprint: str, wanted: int) -> "Unfinished":
        """Take up an earlier run of the same evaluation, or begin anew.

        Args:
            output: Folder of the results.
            fingerprint: Name of the evaluation.
            wanted: Number of its images, to say how many of them are done.
        """
        parts = cls(output / NAME)
        parts._prepare(fingerprint, wanted)
        return parts

    @rank_zero_only
    def _prepare(self, fingerprint: str, wanted: int) -> None:
        name = self.folder / "fingerprint.txt"
        if name.is_file() and name.read_text(encoding="utf-8") == fingerprint:
            done = sum(len(part.indices) for part in self.read())
            print(f"going on where {self.folder} stopped: {done} of {wanted} images are done")
            return
        if self.folder.exists():
            print(f"{self.folder} is of other models, protocols, data or settings; starting anew")
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)
        with replacing(name) as temporary:
            temporary.write_text(fingerprint, encoding="utf-8")

    def read(self) -> list[Outcomes]:
        """Return what has been measured."""
        return [load_outcomes(path) for path in sorted(self.folder.glob("part_*.npz"))]

    def add(self, part: Outcomes) -> None:
        """Keep what was measured of a batch."""
        save_outcomes(part, self.folder / f"part_{np.min(part.indices):09d}_{len(part.indices)}.npz")

    def __enter__(self) -> "Unfinished":
        return self

    def __exit__(self, *error: object) -> None:
        """Leave no folder behind if not a single batch was measured."""
        if not any(self.folder.glob("part_*.npz")):
            self.remove()

    @rank_zero_only
    def remove(self) -> None:
        """Forget the parts, once the results are written."""
        shutil.rmtree(self.folder)
