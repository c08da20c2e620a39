"""The frames around anchors: of every film those that count, decoded once and in the order of time."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from torch import Tensor
from torch.utils.data import IterableDataset

from lit_invariance.data.anchors import Anchor, Labels, read_anchors
from lit_invariance.data.coarse_classes import CoarseClasses, read_coarse_classes
from lit_invariance.data.images import decode
from lit_invariance.data.video import Film
from lit_invariance.errors import UserError
from lit_invariance.names import printable

REACH = 10
LAST_NUMBER = re.compile(r"(\d+)\D*$")


class Frame(NamedTuple):
    """A frame of one of several films.

    Attributes:
        film: The film's place among them.
        number: The frame's number in it.
        pixels: uint8 (3, H, W), RGB.
    """

    film: int
    number: int
    pixels: Tensor


class Place(NamedTuple):
    """Where a frame counts.

    Attributes:
        row: The anchor's place in its table.
        offset: How many frames after the anchor it is.
        labels: What may be answered to it.
    """

    row: int
    offset: int
    labels: Labels


class AnchoredFilms(IterableDataset[Frame]):
    """Films with a table of anchors, for `vid_robust`: ImageNet-Vid-Robust's measure on any films.

    Shankar et al., "Do Image Classifiers Generalize Across Time?", ICCV 2021: an answer is robust if it is right at the
    anchor and at all its neighbours.

    Args:
        films: A folder whose subfolders and files are films, see `Film`; or one film.
        table: A CSV file with the anchors, see `read_anchors`. A frame's number is the one that ends the name of its
            picture (`000432.jpg`); frames of a film file, and pictures whose names do not end in different numbers,
            are counted from 0.
        reach: The farthest a neighbour may be from its anchor, k in pm-k.
        classes: A table of sets of outputs that count as one answer, or `imagenet_vid`, see `read_coarse_classes`;
            None takes each output as a class.
        most: Number of anchors to take, the first ones; None takes all.

    Attributes:
        whole: Whether all frames up to the last one that counts are shown, as what remembers the past needs it.

    Raises:
        UserError: If the table or a film is missing or malformed.
    """

    def __init__(
        self,
        films: str | Path,
        table: str | Path,
        reach: int = REACH,
        classes: str | Path | None = None,
        most: int | None = None,
    ) -> None:
        for name, value in (("anchor_reach", reach), ("max_images", 1 if most is None else most)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UserError(f"{name} is {value!r}; it must be a whole number, at least 1.")
        self.root, self.reach, self.whole = Path(films), reach, False
        if not self.root.exists():
            raise UserError(f"there is no film {printable(films)}; name a folder of films, or one film.")
        read = read_anchors(Path(table), self.root)
        self.table, self.listed, self.anchors = read.path, read.listed, list(read.anchors)[:most]
        self.classes: CoarseClasses | None = None if classes is None else read_coarse_classes(classes)
        paths = list(dict.fromkeys(anchor.film for anchor in self.anchors))
        self.films = [Film(path) for path in paths]
        self._rows = [[(row, one) for row, one in enumerate(self.anchors) if one.film == path] for path in paths]

    def places(self, film: int, frame: int) -> Iterator[Place]:
        """Tell for which anchors a frame counts.

        Args:
            film: The film's place.
            frame: The frame's number.

        Yields:
            Where it counts.
        """
        for row, anchor in self._rows[film]:
            labels = anchor.labels_of(frame, self.reach, self.listed)
            if labels is not None:
                yield Place(row, frame - anchor.frame, labels)

    def frames_of(self, row: int, numbers: Sequence[int]) -> list[Tensor]:
        """Decode some frames of an anchor's film.

        Args:
            row: The anchor's place.
            numbers: Those of the frames, increasing; all of them are in the film.

        Returns:
            uint8 (3, H, W) each, in their order.
        """
        film = next(film for film in self.films if film.path == self.anchors[row].film)
        return [read() for number, read in _numbered(film, numbers[-1]) if number in numbers]

    def __iter__(self) -> Iterator[Frame]:
        """Iterate over the frames that are shown, film by film.

        Yields:
            Each frame once, in the order of time.

        Raises:
            UserError: If a frame that the table names is not in its film, or a picture or film is broken.
        """
        for film in range(len(self.films)):
            yield from self._frames(film)

    def _frames(self, film: int) -> Iterator[Frame]:
        anchors = [anchor for _, anchor in self._rows[film]]
        lines = {frame: anchor.line for anchor in anchors for frame in self._named(anchor)}
        last = max(lines) if self.listed else max(lines) + self.reach
        for number, read in _numbered(self.films[film], last):
            lines.pop(number, None)
            if self.whole or any(True for _ in self.places(film, number)):
                yield Frame(film, number, read())
        for number, line in lines.items():
            raise UserError(
                f"the film {printable(self.films[film].path)} has no frame {number}, which the anchor in line {line} "
                f"of {printable(self.table)} needs; correct the table, or add the frame."
            )

    def _named(self, anchor: Anchor) -> list[int]:
        return [anchor.frame, *(frame for frame in anchor.neighbours if abs(frame - anchor.frame) <= self.reach)]


def _numbered(film: Film, last: int) -> Iterator[tuple[int, Callable[[], Tensor]]]:
    """The numbers of the frames up to the last one that is wanted, with what reads them."""
    if film.pictures is None:
        for number, frame in enumerate(Film(film.path, last + 1)):
            yield number, partial(_same, frame)
        return
    for number, path in zip(_numbers(film.pictures), film.pictures, strict=True):
        if number <= last:
            yield number, partial(decode, path)


def _same(frame: Tensor) -> Tensor:
    return frame


def _numbers(pictures: Sequence[Path]) -> Sequence[int]:
    """The number of each frame of a folder; natural order need not be that of the numbers that end the names."""
    found = [LAST_NUMBER.search(picture.stem) for picture in pictures]
    numbers = [int(number[1]) for number in found if number is not None]
    return numbers if len(set(numbers)) == len(pictures) else range(len(pictures))
