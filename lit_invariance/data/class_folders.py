"""Listing of directories of pictures, with one folder per class or without: each file once; skips are reported."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lit_invariance.data.images import EXTENSIONS
from lit_invariance.errors import UserError
from lit_invariance.names import printable

# What operating systems and storage boxes put beside a user's files.
SYSTEM = frozenset({"@eadir", "@tmp", "#recycle", "#snapshot", "__macosx", "$recycle.bin", "lost+found"})
HIDDEN, REPEATED, IRREGULAR, OTHER, LOOSE = (
    "hidden or of the system",
    "met before through links",
    "no regular files",
    "with other endings",
    "outside the class folders",
)


@dataclass(frozen=True)
class Listing:
    """The pictures of a directory.

    Attributes:
        samples: Pairs of class folder name, empty where folders are no classes, and path, in sorted order.
        passed_over: Reason why files were skipped, to how often.
    """

    samples: list[tuple[str, str]]
    passed_over: Counter[str]

    @property
    def remark(self) -> str:
        """What was skipped, in words that can follow the directory's name; empty where nothing was."""
        left_out = ", ".join(f"{count} {why}" for why, count in sorted(self.passed_over.items()))
        return f"; passed over: {left_out}" if left_out else ""


def class_folders(directory: Path) -> list[str]:
    """Return the sorted names of the visible folders in a directory; none where it does not exist."""
    if not os.path.isdir(directory):  # a name that is too long is none
        return []
    return [entry.name for entry in _entries(directory) if not is_hidden(entry.name) and _is_folder(entry)]


def is_hidden(name: str) -> bool:
    """Return whether a name is hidden, or one that a system puts beside a user's files."""
    return name.startswith(".") or name.lower() in SYSTEM


def is_picture(name: str) -> bool:
    """Return whether a file's name has the extension of a picture."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS


def list_images(directory: Path) -> Listing:
    """List the pictures below each class folder, each file once.

    Links are followed; a file or folder that was met before, by its device and number, is passed over, and so is what
    is hidden, no regular file, or no picture by its ending.

    Args:
        directory: The directory of the class folders.

    Returns:
        The pictures.

    Raises:
        UserError: If the directory is missing, cannot be read, holds no folders, or one of them holds no picture.
    """
    if os.path.isfile(directory):
        raise UserError(
            f"{printable(directory)} is a file, not a folder of class folders; if it is a table of pictures, set "
            "--data.dataset csv."
        )
    if not os.path.isdir(directory):
        raise UserError(
            f"there is no data folder {printable(directory)}; set --data.root to the directory of the class folders."
        )
    walk = _Walk()
    names = [entry.name for entry in walk.visible(directory) if _is_folder(entry) or walk.drop(_why_loose(entry))]
    if not names:
        loose = walk.passed_over[LOOSE]
        what = f"{loose} pictures but no class folders" if loose else "no class folders"
        raise UserError(
            f"{printable(directory)} holds {what}; put the images of each class into a folder of its own, list them "
            "with their labels in a table (--data.dataset csv), or set --data.dataset unlabelled."
        )
    # A link inside one class to another one's folder, or to all of them, takes no pictures from there.
    for folder in (directory, *(directory / name for name in names)):
        walk.is_new(str(folder), os.stat(folder).st_ino)
    samples = []
    for name in names:
        before = walk.passed_over[REPEATED]
        pictures = walk.pictures(directory / name)
        if not pictures:
            met = " that is not already counted in another folder" if walk.passed_over[REPEATED] > before else ""
            raise UserError(
                f"the class folder {printable(directory / name)} holds no image ({' '.join(sorted(EXTENSIONS))})"
                f"{met}; fill or remove it."
            )
        samples += [(name, picture) for picture in pictures]
    return Listing(samples, walk.passed_over)


def list_loose_images(directory: Path) -> Listing:
    """List the pictures below a directory, whatever its folders are called, as `list_images` does.

    Args:
        directory: The directory.

    Raises:
        UserError: If it is missing, cannot be read, or holds no picture.
    """
    if not os.path.isdir(directory):
        raise UserError(f"there is no folder or list of pictures {printable(directory)}; check --data.root.")
    walk = _Walk()
    walk.is_new(str(directory), os.stat(directory).st_ino)
    pictures = walk.pictures(directory)
    if not pictures:
        raise UserError(f"{printable(directory)} holds no image ({' '.join(sorted(EXTENSIONS))}); check --data.root.")
    return Listing([("", picture) for picture in pictures], walk.passed_over)


class _Walk:
    """A walk through folders that takes nothing twice.

    Attributes:
        passed_over: Reason why files were skipped, to how often.
    """

    def __init__(self) -> None:
        self.passed_over: Counter[str] = Counter()
        self._first: dict[int, str] = {}

    def drop(self, why: str) -> bool:
        """Count a skipped file; return false."""
        self.passed_over[why] += 1
        return False

    def visible(self, folder: str | Path) -> list["os.DirEntry[str]"]:
        """What is not hidden in a folder: first what is no link, then by name."""
        entries = [entry for entry in _entries(folder) if not is_hidden(entry.name) or self.drop(HIDDEN)]
        return sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name))

    def pictures(self, folder: Path) -> list[str]:
        """The pictures below a folder, sorted."""
        # Paths stay strings: a million Path objects take minutes and gigabytes.
        found, places = [], [str(folder)]
        while places:
            for entry in self.visible(places.pop(0)):
                if _is_folder(entry):
                    places += [entry.path] if self._meets(entry) else []
                elif self._takes(entry):
                    found.append(entry.path)
        return sorted(found)

    def _takes(self, entry: "os.DirEntry[str]") -> bool:
        if not _is_regular(entry):
            return self.drop(IRREGULAR)
        if not is_picture(entry.name):
            return self.drop(OTHER)
        return self._meets(entry)

    def _meets(self, entry: "os.DirEntry[str]") -> bool:
        inode = entry.stat().st_ino if entry.is_symlink() else entry.inode()
        return self.is_new(entry.path, inode) or self.drop(REPEATED)

    def is_new(self, path: str, inode: int) -> bool:
        """Return whether a file or folder was not met before, and remember it."""
        # Files of one number may lie on two devices; asking for the device of each would take a call a file.
        first = self._first.setdefault(inode, path)
        return first is path or not os.path.samefile(first, path)


def _why_loose(entry: "os.DirEntry[str]") -> str:
    if not _is_regular(entry):
        return IRREGULAR
    return LOOSE if is_picture(entry.name) else OTHER


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_regular(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _entries(folder: str | Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"the folder {printable(folder)} cannot be listed ({reason}); make it readable.") from error
