"""The frames of a film, one after the other: a video file, or a folder of pictures in natural order."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from lit_invariance.data.images import EXTENSIONS, decode
from lit_invariance.errors import UserError

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # a broken file is told in our own sentence

import cv2

NUMBER = re.compile(r"(\d+)")


class Film(IterableDataset[Tensor]):
    """Decoded frames, each decoded once and none kept, however long the film is.

    A video file is read by OpenCV and turned upright as its metadata say; the frames of a folder are its pictures in
    natural order, in which `2.jpg` comes before `10.jpg`.

    Args:
        path: A video file, or a folder of pictures.

    Raises:
        UserError: If there is no such file or folder, or the folder holds no picture.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise UserError(f"there is no film {path}; name a video file or a folder of frames.")
        self.pictures = _pictures(self.path) if self.path.is_dir() else None

    def __iter__(self) -> Iterator[Tensor]:
        """Iterate over the frames.

        Yields:
            uint8 (3, H, W), RGB.

        Raises:
            UserError: If a picture is broken, or OpenCV finds no frame in the file.
        """
        return self._decoded() if self.pictures is None else map(decode, self.pictures)

    def _decoded(self) -> Iterator[Tensor]:
        capture = cv2.VideoCapture(str(self.path))
        try:
            found, frame = capture.read()
            if not found:
                raise UserError(f"{self.path} holds no frames that OpenCV can decode; convert it, or name a folder.")
            while found:
                yield torch.from_numpy(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).permute(2, 0, 1)
                found, frame = capture.read()
        finally:
            capture.release()


def _pictures(folder: Path) -> list[Path]:
    files = [path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")]
    if not files:
        raise UserError(f"the folder {folder} holds no frames ({' '.join(sorted(EXTENSIONS))}).")
    return sorted(files, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key in which runs of digits count as numbers; the name decides between `1` and `01`."""
    parts = [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in NUMBER.split(path.name)]
    return [*parts, (-1, path.name)]
