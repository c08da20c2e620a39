"""Distinguishes folders that are parts of a data set, such as `train` and `Validation`, from class folders."""

import re
from collections.abc import Iterable
from pathlib import Path

from lit_invariance.data.class_folders import class_folders
from lit_invariance.errors import UserError
from lit_invariance.names import printable

WORDS = {
    "train": {"train", "training", "trn", "trainset", "trainingset", "traindata", "trainval"},
    "val": {"val", "valid", "validation", "validate", "dev", "eval", "evaluation", "valset", "validset", "valdata"},
    "test": {"test", "testing", "tst", "testset", "testdata"},
}
ROLES = {word: role for role, words in WORDS.items() for word in words}
# fmt: off
FILLERS = frozenset({
    "set", "sets", "data", "dataset", "split", "part", "subset", "image", "images", "img", "imgs", "pictures", "photos",
    "files", "samples", "seg", "cls", "loc", "ilsvrc", "imagenet", "final", "original",
})
# fmt: on
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def role_of(name: str) -> str | None:
    """Return what a folder of this name would be: `train`, `val`, `test`, or None.

    Example:
        >>> [role_of(name) for name in ("training_set", "ValidationImages", "TEST", "train2017", "trainer", "ant")]
        ['train', 'val', 'test', 'train', None, None]
    """
    words = [word.lower() for word in WORD.findall(name)]
    roles = {ROLES[word] for word in words if word in ROLES}
    return roles.pop() if len(roles) == 1 and all(word in ROLES or word in FILLERS for word in words) else None


def parts_of(directory: Path) -> dict[str, list[Path]]:
    """Find the parts that the folders in a directory are.

    The name alone decides if a training part is beside another part, or if all folders have such names. Otherwise
    `train` may be a class of vehicles: it is a part only if it holds folders.

    Args:
        directory: A directory, existing or not.

    Returns:
        Role to folders, in sorted order; empty where the folders are classes.
    """
    names = class_folders(directory)
    parts = _by_role(names)
    folders = {role: [directory / name for name in found] for role, found in parts.items()}
    if _are_parts(names) or any(class_folders(folder) for found in folders.values() for folder in found):
        return folders
    return {}


def refuse_parts(directory: Path) -> None:
    """Check that the folders in a directory are classes, not parts of a data set or data sets with such parts.

    Args:
        directory: A directory, existing or not.

    Raises:
        UserError: If names in it, or in one of its folders, are those of parts.
    """
    for place in (directory, *(directory / name for name in class_folders(directory))):
        names = class_folders(place)
        if _are_parts(names):
            shown = ", ".join(printable(name) for name in names if role_of(name))
            raise UserError(
                f"{printable(place)} holds {shown}, which are parts of a data set, not classes; name the one you mean "
                "with --data.root or --data.val_root."
            )


def _by_role(names: Iterable[str]) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for name in names:
        if (role := role_of(name)) is not None:
            parts.setdefault(role, []).append(name)
    return parts


def _are_parts(names: list[str]) -> bool:
    parts = _by_role(names)
    return ("train" in parts and len(parts) > 1) or (bool(names) and sum(map(len, parts.values())) == len(names))
