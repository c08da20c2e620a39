"""Where the samples of a WebDataset tar file are, so that each can be read without the others."""

import json
import os
import tarfile
from collections.abc import Iterator
from typing import Any, NamedTuple

from lit_invariance.data.class_folders import is_picture
from lit_invariance.data.images import decode_bytes
from lit_invariance.errors import UserError
from lit_invariance.names import printable

LABELS = ("cls", "json")
MOST_LABEL_BYTES = 2**16


class Member(NamedTuple):
    """A picture in a tar file.

    Attributes:
        shard: The tar file.
        offset: Where its bytes begin.
        size: How many they are.
        name: Its name in there.
    """

    shard: str
    offset: int
    size: int
    name: str

    def read(self) -> Any:
        """Decode the picture, uint8 (3, H, W).

        Raises:
            UserError: If it is broken.
        """
        # A file that stays open would be shared with workers, and with it the place where it is read.
        with open(self.shard, "rb") as file:
            file.seek(self.offset)
            content = file.read(self.size)
        return decode_bytes(content, f"{self.name} in {self.shard}")


def index_tar(path: str) -> list[tuple[str, Member]]:
    """Find the samples of a tar file by going through its headers.

    Files that follow each other and share a name up to the first point are a sample: a picture, and its label in
    `.cls`, or as `label` in `.json`.

    Args:
        path: An uncompressed tar file.

    Returns:
        Pairs of label and picture, in the order of the file.

    Raises:
        UserError: If it is cut off, compressed or no tar file, or a sample lacks its picture or label.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            found = [_sample(path, tar, key, files) for key, files in _samples(tar)]
        if not found:
            raise ValueError("it holds no sample")
    except (OSError, ValueError, EOFError, tarfile.TarError) as error:
        raise UserError(
            f"the shard {printable(path)} cannot be used: {_reason(error)}; pack it again as docs/data.md shows."
        ) from error
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it is compressed, cut off or no tar file" if isinstance(error, tarfile.TarError) else str(error)


def _samples(tar: tarfile.TarFile) -> Iterator[tuple[str, dict[str, tarfile.TarInfo]]]:
    """The files of each sample by their ending."""
    from webdataset.tariterators import base_plus_ext

    length, key = os.path.getsize(str(tar.name)), ""
    files: dict[str, tarfile.TarInfo] = {}
    seen: set[str] = set()
    for member in tar:
        if not member.isreg() or os.path.basename(member.name).startswith((".", "__")):
            continue
        if member.issparse() or member.offset_data + member.size > length:
            raise ValueError(f"{printable(member.name)} is cut off or sparse")
        own, ending = base_plus_ext(member.name)
        if own is None:
            continue
        if own != key:
            if files:
                yield key, files
            if own in seen:
                raise ValueError(f"two samples are called {printable(own)}")
            seen.add(own)
            key, files = own, {}
        if ending in files:
            raise ValueError(f"{printable(member.name)} is in it twice")
        files[ending.lower()] = member
    if files:
        yield key, files


def _sample(shard: str, tar: tarfile.TarFile, key: str, files: dict[str, tarfile.TarInfo]) -> tuple[str, Member]:
    pictures = [member for member in files.values() if is_picture(member.name)]
    if len(pictures) != 1:
        raise ValueError(f"sample {printable(key)} has {len(pictures)} pictures, not one")
    (picture,) = pictures
    return _label(tar, key, files), Member(shard, picture.offset_data, picture.size, picture.name)


def _label(tar: tarfile.TarFile, key: str, files: dict[str, tarfile.TarInfo]) -> str:
    ending = next((ending for ending in LABELS if ending in files), None)
    content = tar.extractfile(files[ending]) if ending is not None else None
    if content is None:
        raise ValueError(f"sample {printable(key)} has no label, which would be {printable(key)}.cls")
    text = content.read(MOST_LABEL_BYTES).decode("utf-8").strip()
    if ending == "json":
        known = json.loads(text)
        text = str(known["label"]) if isinstance(known, dict) and isinstance(known.get("label"), int | str) else ""
    if not text:
        raise ValueError(f"the label of sample {printable(key)} is empty")
    return text
