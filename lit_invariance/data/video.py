"""The frames of a film, one by one: a video file, or a folder of pictures in natural order."""

import os
import re
import tempfile
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from lit_invariance.data.class_folders import is_hidden, is_picture
from lit_invariance.data.images import EXTENSIONS, decode
from lit_invariance.environment import environment
from lit_invariance.errors import UserError
from lit_invariance.names import printable

LOG_LEVEL = "OPENCV_FFMPEG_LOGLEVEL"
NUMBER = re.compile(r"(\d+)")


class Film(IterableDataset[Tensor]):
    """Decoded frames, each decoded once and none kept, however long the film is.

    A video file is read by OpenCV and turned upright as its metadata say; the frames of a folder are its pictures in
    natural order, in which `2.jpg` comes before `10.jpg`.

    Args:
        path: A video file, or a folder of pictures.
        most: Number of frames after which to stop; None takes all.

    Attributes:
        lacking: Frames that the file states but that could not be decoded; known after the last frame.

    Raises:
        UserError: If there is no such file or folder, or the folder holds no picture.
    """

    def __init__(self, path: str | Path, most: int | None = None) -> None:
        self.path, self.most, self.lacking = Path(path), most, 0
        if most is not None and most < 1:
            raise UserError(f"max_images is {most}; for a film it is the number of frames, which must be at least 1.")
        if not self.path.exists():
            raise UserError(f"there is no film {printable(path)}; name a video file or a folder of frames.")
        self.pictures = _pictures(self.path) if self.path.is_dir() else None

    def __iter__(self) -> Iterator[Tensor]:
        """Iterate over the frames.

        Yields:
            uint8 (3, H, W), RGB.

        Raises:
            UserError: If a picture is broken, or OpenCV finds no frame in the file. A file that holds fewer frames than
                it says is warned of.
        """
        return islice(self._decoded() if self.pictures is None else map(decode, self.pictures), self.most)

    def _decoded(self) -> Iterator[Tensor]:
        capture, frames = self._opened(), 0
        try:
            while (frame := self._next(capture)) is not None:
                frames += 1
                yield frame
            if not frames:
                raise UserError(
                    f"{printable(self.path)} holds no frames that OpenCV can decode; convert it, or name a folder."
                )
            self._compare(frames, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        finally:
            capture.release()

    def _opened(self) -> cv2.VideoCapture:
        # OpenCV does not survive a name that is no UTF-8.
        with tempfile.TemporaryDirectory() as folder:
            name = str(self.path)
            if printable(name) != name:
                name = os.path.join(folder, f"film{printable(self.path.suffix)}")
                os.symlink(self.path.absolute(), name)
            # A broken file is reported in our own sentence.
            with environment(LOG_LEVEL, os.environ.get(LOG_LEVEL, "-8")):
                return cv2.VideoCapture(name)

    def _next(self, capture: cv2.VideoCapture) -> Tensor | None:
        try:
            found, frame = capture.read()
            return torch.from_numpy(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).permute(2, 0, 1) if found else None
        except Exception as error:  # what a damaged file raises is open-ended
            raise UserError(f"the film {printable(self.path)} cannot be decoded ({error}); convert it.") from error

    def _compare(self, frames: int, stated: int) -> None:
        """Some formats do not hold the number of frames, which is then estimated from the length to about a frame."""
        if frames < stated - max(1, stated // 100):
            self.lacking = stated - frames
            warnings.warn(
                f"the film {printable(self.path)} states {stated} frames, but only {frames} could be decoded: it is "
                f"cut off or damaged, and all results are for these {frames} frames.",
                stacklevel=2,
            )


def _pictures(folder: Path) -> list[Path]:
    files = [path for path in folder.iterdir() if is_picture(path.name) and not is_hidden(path.name) and path.is_file()]
    if not files:
        raise UserError(f"the folder {printable(folder)} holds no frames ({' '.join(sorted(EXTENSIONS))}).")
    return sorted(files, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key in which runs of digits count as numbers; the name decides between `1` and `01`."""
    parts = [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in NUMBER.split(path.name)]
    return [*parts, (-1, path.name)]
