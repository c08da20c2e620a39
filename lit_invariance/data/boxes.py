"""Bounding boxes of pictures from Pascal VOC XML, the form in which ImageNet ships them."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from lit_invariance.data.images import decoded_size
from lit_invariance.errors import UserError
from lit_invariance.names import printable
from lit_invariance.protocols.protocol import Box

MOST = 1e9  # pixels; beyond it a number is a mistake


class BoxFiles:
    """The boxes of a list of pictures, read when asked for.

    The box of `<class folder>/<stem>.JPEG` is `<class folder>/<stem>.xml` in the folder of boxes, as in ImageNet's
    training annotations, or else `<stem>.xml`, as in its validation annotations.

    Args:
        folder: The folder of boxes.
        paths: The pictures.

    Raises:
        UserError: If the folder is missing, or holds no box for any of the pictures.
    """

    def __init__(self, folder: str | Path, paths: Sequence[str]) -> None:
        self.folder, self.paths = Path(folder), paths
        if not self.folder.is_dir():
            raise UserError(f"there is no folder of boxes {printable(folder)}; check --data.boxes.")
        if all(self._file(position) is None for position in range(len(paths))):
            first, stem = printable(paths[0]), printable(Path(paths[0]).stem)
            raise UserError(
                f"{printable(folder)} holds boxes of none of the images; {stem}.xml would be that of {first}."
            )

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.paths)

    def __getitem__(self, position: int) -> Box | None:
        """Return where the object of a picture is.

        Args:
            position: The picture's place in the list.

        Returns:
            Left, top, right and bottom edge in pixels of the decoded picture, None where it has no box; see `read_box`.

        Raises:
            UserError: If the file of its box or the picture is broken.
        """
        file = self._file(position)
        return None if file is None else read_box(file, decoded_size(self.paths[position]))

    def _file(self, position: int) -> str | None:
        folder, name = os.path.split(self.paths[position])
        file = f"{os.path.splitext(name)[0]}.xml"
        candidates = (os.path.join(self.folder, os.path.basename(folder), file), os.path.join(self.folder, file))
        return next((candidate for candidate in candidates if os.path.isfile(candidate)), None)


def read_box(path: str | Path, size: tuple[int, int]) -> Box | None:
    """Read the box around all objects of a picture.

    Pascal VOC counts pixels from 1 and both ends in, so a picture's first column has the edges 0 and 1. Several objects
    give the smallest box that holds all of them, so that a window which keeps it in view loses none. If the picture was
    resized since, its box is resized with it, by the size that the file states.

    Args:
        path: A Pascal VOC file.
        size: Width and height of the decoded picture.

    Returns:
        Left, top, right and bottom edge in pixels of the decoded picture; None where the file lists no object.

    Raises:
        UserError: If the file cannot be read, or its numbers make no box.
    """
    try:
        (width, height), boxes = _numbers_of(path)
    except Exception as error:  # an XML file's errors are open-ended: encodings, depth, what its numbers are
        raise UserError(f"cannot read the box {printable(path)} ({error}); fix or remove the file.") from error
    if not boxes:
        return None
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    across, down = size[0] / width, size[1] / height
    return (min(lefts) - 1) * across, (min(tops) - 1) * down, max(rights) * across, max(bottoms) * down


def _numbers_of(path: str | Path) -> tuple[tuple[float, float], list[list[float]]]:
    """Width and height that the file states, and the edges of each object's box."""
    root = ElementTree.parse(path).getroot()
    width, height = (_number(root, f"size/{side}") for side in ("width", "height"))
    boxes = [
        [_number(box, name) for name in ("xmin", "ymin", "xmax", "ymax")] for box in root.iterfind("object/bndbox")
    ]
    if min(width, height) <= 0 or any(left > right or top > bottom for left, top, right, bottom in boxes):
        raise ValueError("a width or height is not positive")
    return (width, height), boxes


def _number(element: ElementTree.Element, name: str) -> float:
    try:
        value = float(element.findtext(name, ""))
    except ValueError:
        value = math.nan
    if not abs(value) <= MOST:
        raise ValueError(f"it has no number {name}")
    return value
