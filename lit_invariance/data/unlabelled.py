"""Data set `unlabelled`: pictures whose classes nobody knows, in a folder or a list."""

import os
from collections import Counter
from pathlib import Path

from lit_invariance.data.class_folders import Listing, list_loose_images
from lit_invariance.data.class_order import IMAGENET, ClassOrder
from lit_invariance.data.images import decode
from lit_invariance.data.listed_pictures import Part, Parts
from lit_invariance.data.source import UNLABELLED, Splits
from lit_invariance.data.synsets import imagenet_classes
from lit_invariance.errors import UserError
from lit_invariance.names import printable


def load_unlabelled(
    root: str | None, val_root: str | None = None, val_fraction: float = 0.1, seed: int = 0, outputs: int | None = None
) -> Splits:
    """Open pictures without labels.

    Args:
        root: A folder, whose pictures at any depth are taken in the order of their paths, or a text file with the path
            of a picture in each line, relative to the file.
        val_root: Another one with the validation images, if there is one.
        val_fraction: Share of the images for validation if there is no other.
        seed: Names that share.
        outputs: Number of outputs of the model, where it is known.

    Returns:
        The two splits; all labels are `UNLABELLED`.

    Raises:
        UserError: If the folder or list is missing, holds no picture, or names a file that does not exist.
    """
    if root is None:
        raise UserError("unlabelled needs a folder of pictures, or a list of them; set --data.root.")
    parts = _all(Path(root))
    if val_root is not None:
        parts = parts.validated_on(_all(Path(val_root)))
    names = [*imagenet_classes().values()] if outputs == IMAGENET else [str(number) for number in range(outputs or 0)]
    return parts.splits(lambda _: ClassOrder({"": UNLABELLED}, names), val_fraction, seed)


def _all(place: Path) -> Parts:
    listing = _listed(place) if place.is_file() else list_loose_images(place)
    return Parts({"all": Part(listing.samples, f"{printable(place)}{listing.remark}")}, decode, of_files=True)


def _listed(file: Path) -> Listing:
    try:
        lines = file.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    except OSError as error:
        raise UserError(f"the list {printable(file)} cannot be read ({error.strerror}); make it readable.") from error
    paths: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        path = os.path.join(file.parent, line.strip())
        if not os.path.isfile(path):
            raise UserError(
                f"line {number} of the list {printable(file)} names {printable(path)}, which is no file; write the "
                "path of a picture in each line."
            )
        if path in paths:
            raise UserError(
                f"line {number} of the list {printable(file)} names the picture of line {paths[path]} once more; "
                "remove one of them."
            )
        paths[path] = number
    if not paths:
        raise UserError(f"the list {printable(file)} is empty; write the path of a picture in each line.")
    return Listing([("", path) for path in paths], Counter())
