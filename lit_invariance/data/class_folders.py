"""Listing of directories that hold one folder of pictures for each class."""

import os
from pathlib import Path

from lit_invariance.data.images import EXTENSIONS
from lit_invariance.errors import UserError

Listing = list[tuple[str, str]]


def class_folders(directory: Path) -> list[str]:
    """Return the sorted names of the visible folders in a directory; none where it does not exist."""
    if not directory.is_dir():
        return []
    with os.scandir(directory) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def list_images(directory: Path) -> Listing:
    """List the pictures below each class folder, in sorted order; hidden files and folders are passed over.

    Args:
        directory: The directory of the class folders.

    Returns:
        Pairs of class folder name and path.

    Raises:
        UserError: If the directory is missing, holds no folders, or one of them holds no picture.
    """
    if not directory.is_dir():
        raise UserError(f"there is no data folder {directory}; set --data.root to the directory of the class folders.")
    names = class_folders(directory)
    if not names:
        raise UserError(f"{directory} holds no class folders; put the images of each class into a folder of its own.")
    listing: Listing = []
    for name in names:
        files = _pictures(directory / name)
        if not files:
            known = " ".join(sorted(EXTENSIONS))
            raise UserError(f"the class folder {directory / name} holds no image ({known}); fill or remove it.")
        listing += [(name, file) for file in files]
    return listing


def _pictures(folder: Path) -> list[str]:
    found = []
    # Paths stay strings: a million Path objects take minutes and gigabytes.
    for place, below, files in os.walk(folder, followlinks=True):
        below[:] = [name for name in below if not name.startswith(".")]
        pictures = (name for name in files if os.path.splitext(name)[1].lower() in EXTENSIONS)
        found += [os.path.join(place, name) for name in pictures if not name.startswith(".")]
    return sorted(found)
