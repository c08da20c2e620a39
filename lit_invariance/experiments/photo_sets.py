"""Small sets of photos of three classes, drawn from ImageNet's pictures: what a person with few photos has."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lit_invariance.errors import UserError

TRAINING, MOST_TEST = 20, 36
FOLDERS = ("imagenet_sample", "imagenet_val")
# fmt: off
GROUPS: Mapping[str, Sequence[int]] = {
    "birds": [*range(7, 25), *range(80, 101), *range(127, 147)],
    "buildings": [
        406, 425, 437, 442, 449, 483, 497, 500, 525, 538, 580, 624, 634, 649, 663, 668, 682, 698, 706, 727, 743, 821,
        832, 839, 853, 858, 873, 888, 900, 915,
    ],
    "carnivores": range(269, 300),
    "clothing": [
        399, 400, 411, 445, 452, 457, 459, 474, 501, 568, 578, 601, 608, 610, 614, 617, 638, 639, 652, 655, 689, 697,
        735, 775, 824, 834, 841, 842, 869, 887, 906,
    ],
    "dogs": range(151, 269),
    "food": range(924, 970),
    "insects": range(300, 327),
    "reptiles": range(33, 69),
    "vehicles": [
        407, 408, 436, 466, 468, 511, 547, 555, 561, 565, 569, 573, 575, 586, 595, 609, 627, 654, 656, 660, 661, 665,
        670, 675, 705, 717, 734, 751, 757, 779, 802, 803, 817, 820, 829, 847, 856, 864, 866, 867, 874,
    ],
}
"""Numbers of ImageNet's classes that make one class of photos."""
# fmt: on


@dataclass(frozen=True)
class PhotoSet:
    """A drawn set.

    Attributes:
        classes: Names of its three classes.
        training: Folder of class folders with `TRAINING` photos each.
        test: Folder of class folders with up to `MOST_TEST` other photos each.
    """

    classes: tuple[str, ...]
    training: Path
    test: Path


def photo_set(number: int, pictures: Path, folder: Path) -> PhotoSet:
    """Draw three classes and their photos, and link them into folders.

    Args:
        number: Names the draw.
        pictures: The folder that holds `FOLDERS` with a folder for each synset, and `imagenet_synsets.txt`.
        folder: Where the links are made.

    Raises:
        UserError: If there are no such pictures.
    """
    random = np.random.default_rng(number)
    classes = sorted(str(name) for name in random.choice(sorted(GROUPS), 3, replace=False))
    made = PhotoSet(tuple(classes), folder / "photos", folder / "test")
    for name in classes:
        found = _pictures(name, pictures)
        order = [found[place] for place in random.permutation(len(found))]
        _link(order[:TRAINING], made.training / name)
        _link(order[TRAINING : TRAINING + MOST_TEST], made.test / name)
    return made


def _pictures(group: str, folder: Path) -> list[Path]:
    names = folder / "imagenet_synsets.txt"
    if not names.is_file():
        raise UserError(f"there is no {names}; name a folder of ImageNet pictures with --pictures.")
    synsets = [line.split()[0] for line in names.read_text(encoding="utf-8").splitlines()]
    folders = [folder / part / synsets[number] for number in GROUPS[group] for part in FOLDERS]
    return [path for one in folders if one.is_dir() for path in sorted(one.iterdir())]


def _link(files: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        link = folder / file.name
        if not link.is_symlink():
            os.symlink(file.resolve(), link)
