"""Coarse classes: sets of a network's outputs that count as one answer, such as all breeds of dogs."""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lit_invariance.data.synsets import imagenet_outputs
from lit_invariance.errors import UserError
from lit_invariance.names import printable

IMAGENET_VID = "imagenet_vid"
RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
MOST = 100_000
"""More outputs than any classifier has; a range beyond it is a mistake."""
CoarseClasses = Mapping[str, tuple[int, ...]]
"""Name of each class, in the order of the table, to the outputs that stand for it."""


def read_coarse_classes(name: str | Path) -> CoarseClasses:
    """Read which outputs of a network stand for which class.

    Args:
        name: `imagenet_vid` for the 30 classes of ImageNet VID, whose outputs among ImageNet's 1000 are those of
            ImageNet-Vid-Robust (Shankar et al., ICCV 2021); or a table (`.csv`) with a line for each class, its name, a
            comma, and its outputs with spaces between: numbers from 0 on, ranges such as `151-268`, or ILSVRC2012
            synsets. A heading `class,outputs` is passed over.

    Returns:
        The classes.

    Raises:
        UserError: If the table cannot be read, names a class twice, or gives an output to two classes.
    """
    path = Path(__file__).with_name("imagenet_vid_classes.csv") if str(name) == IMAGENET_VID else Path(name)
    classes: dict[str, tuple[int, ...]] = {}
    owner: dict[int, str] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.reader(file, skipinitialspace=True, strict=True):
                if not row or row == ["class", "outputs"]:
                    continue
                if len(row) != 2:
                    raise ValueError(f"'{printable(','.join(row))[:60]}' is no class with its outputs")
                own, outputs = row[0].strip(), tuple(_outputs(row[1]))
                if own in classes or not own or not outputs:
                    raise ValueError(f"the class '{printable(own)}' has no outputs or stands there twice")
                for output in outputs:
                    if owner.setdefault(output, own) != own:
                        raise ValueError(f"output {output} is of {printable(owner[output])} and of {printable(own)}")
                classes[own] = outputs
        if not classes:
            raise ValueError("it names no class")
    except (OSError, ValueError, csv.Error) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"the table of classes {printable(name)} cannot be used ({said}); write a line 'class,outputs' for each "
            f"class, such as 'dog,151-268', or name {IMAGENET_VID}."
        ) from error
    return classes


def _outputs(text: str) -> Iterator[int]:
    for word in text.split():
        if word in imagenet_outputs():
            yield imagenet_outputs()[word]
        elif (found := RANGE.fullmatch(word)) and int(found[1]) <= int(found[2] or found[1]) < MOST:
            yield from range(int(found[1]), int(found[2] or found[1]) + 1)
        else:
            raise ValueError(f"'{printable(word)}' is no output: write a number, a range or a synset")
