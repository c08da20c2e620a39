"""Anchors: frames of films with their labels, and the neighbours that count, read from a table."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lit_invariance.data.class_folders import is_picture
from lit_invariance.errors import UserError
from lit_invariance.names import printable

FILM, FRAME, LABEL, ANCHOR = "film", "frame", "label", "anchor"
BETWEEN = "|"
NUMBER = re.compile(r"[0-9]{1,9}")
Labels = tuple[str, ...]


@dataclass(frozen=True)
class Anchor:
    """A frame around which answers are looked at.

    Attributes:
        film: The path of its film.
        frame: Its number.
        labels: What may be answered to it; each is right.
        line: Where the table names it.
        neighbours: Frame to labels where the table lists the frames that count; otherwise all frames in reach count,
            and have the anchor's labels.
    """

    film: Path
    frame: int
    labels: Labels
    line: int
    neighbours: dict[int, Labels] = field(default_factory=dict)

    def labels_of(self, frame: int, reach: int, listed: bool) -> Labels | None:
        """Return what may be answered to a frame of its film; None where the frame does not count.

        Args:
            frame: The number of the frame.
            reach: The farthest a neighbour may be from the anchor.
            listed: Whether the table lists the neighbours.
        """
        if frame == self.frame:
            return self.labels
        if abs(frame - self.frame) > reach:
            return None
        return self.neighbours.get(frame) if listed else self.labels


@dataclass(frozen=True)
class AnchorTable:
    """The anchors of a table.

    Attributes:
        path: The table.
        anchors: In its order.
        listed: Whether it lists the neighbours, by a column `anchor`.
    """

    path: Path
    anchors: Sequence[Anchor]
    listed: bool


def read_anchors(path: Path, films: Path) -> AnchorTable:
    """Read a table of anchors.

    Args:
        path: A CSV file whose first line names its columns. `film`: path of the film below `films`, left out where
            that is a film itself. `frame`: a number. `label`: a class, or several with `|` between, each of which is
            right. With a column `anchor`, the neighbours that count are listed as well: the line of a neighbour holds
            there the frame of its anchor, and that of an anchor its own frame or nothing.
        films: The folder of the films, or the only film.

    Raises:
        UserError: If the table cannot be read, lacks a column or an entry, names a frame twice, or a neighbour whose
            anchor it does not name.
    """
    lines: list[tuple[int, Path, int, int, Labels]] = []
    try:
        # The names of films need not be UTF-8.
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            table = csv.DictReader(file, skipinitialspace=True, strict=True)
            _check_columns(table.fieldnames or (), several=not _is_film(films))
            listed = ANCHOR in (table.fieldnames or ())
            for row in table:
                with _naming(table.line_num):
                    frame = _number(row, FRAME)
                    anchor = _number(row, ANCHOR) if (row.get(ANCHOR) or "").strip() else frame
                    lines.append((table.line_num, _film(row, films), anchor, frame, _labels(row)))
        return AnchorTable(path, _joined(lines), listed)
    except OSError as error:
        raise UserError(f"the table {printable(path)} cannot be read ({error.strerror}); check --anchors.") from error
    except (ValueError, csv.Error) as error:
        raise UserError(
            f"the table of anchors {printable(path)} cannot be used: {error}; write the columns film,frame,label and a "
            "line for each anchor."
        ) from error


@contextmanager
def _naming(line: int) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from error


def _is_film(films: Path) -> bool:
    """Whether a path is one film, as a folder with pictures in it is."""
    return not films.is_dir() or any(is_picture(entry.name) for entry in films.iterdir() if entry.is_file())


def _check_columns(found: Sequence[str], several: bool) -> None:
    needed = [FILM, FRAME, LABEL] if several else [FRAME, LABEL]
    absent = [column for column in needed if column not in found]
    if absent:
        shown = printable(",".join(found))[:80]
        raise ValueError(f"its first line is '{shown}' and lacks {' and '.join(absent)}")


def _film(row: Mapping[str, str | None], films: Path) -> Path:
    return films / name if (name := (row.get(FILM) or "").strip()) else films


def _number(row: Mapping[str, str | None], column: str) -> int:
    text = (row[column] or "").strip()
    if not NUMBER.fullmatch(text):
        raise ValueError(f"its {column} '{printable(text)}' is no number from 0 on")
    return int(text)


def _labels(row: Mapping[str, str | None]) -> Labels:
    labels = tuple(label.strip() for label in (row[LABEL] or "").split(BETWEEN))
    if not all(labels):
        raise ValueError("a label is empty")
    return labels


def _joined(lines: Sequence[tuple[int, Path, int, int, Labels]]) -> list[Anchor]:
    """Give every anchor its neighbours."""
    anchors: dict[tuple[Path, int], Anchor] = {}
    for line, film, anchor, frame, labels in lines:
        if frame == anchor:
            if (film, anchor) in anchors:
                raise ValueError(f"line {line} names frame {frame} of {printable(film)} once more")
            anchors[film, anchor] = Anchor(film, anchor, labels, line)
    for line, film, anchor, frame, labels in lines:
        if frame == anchor:
            continue
        if (film, anchor) not in anchors:
            raise ValueError(f"line {line} is a neighbour of frame {anchor}, which has no line of its own")
        if anchors[film, anchor].neighbours.setdefault(frame, labels) is not labels:
            raise ValueError(f"line {line} names the neighbour {frame} of frame {anchor} once more")
    if not anchors:
        raise ValueError("it names no anchor")
    return list(anchors.values())
