"""Files that appear whole or not at all, in folders that one run at a time writes to."""

import errno
import json
import os
import platform
import shlex
import sys
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path

from pytorch_lightning.utilities import rank_zero_only

from lit_invariance.errors import UserError

if sys.platform != "win32":
    import fcntl

LOCK = ".lit_invariance.lock"
TEMPORARY = ".lit_invariance-"
FULL = (errno.ENOSPC, errno.EDQUOT)
_held: dict[Path, int] = {}
"""Folders that this process owns, with the descriptors of their locks."""
before_writing: ContextVar[Callable[[Path], None] | None] = ContextVar("before_writing", default=None)
"""Called with the name of each file before `replacing` writes it."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` to write to, and rename it to `path` when the block ends without an error.

    The content is on the disk before the name is, so that a loss of power leaves the old file or the new one.

    Args:
        path: Where to write the file.

    Yields:
        The temporary path, with the suffix of `path`, since some writers choose the format by it.

    Raises:
        UserError: If the file cannot be written, as on a full disk.
    """
    if (told := before_writing.get()) is not None:
        told(path)
    # The process's umask decides on the permissions, as it would for a file written in place.
    temporary = path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}.tmp{path.suffix}")
    try:
        yield temporary
        _to_disk(temporary)
        temporary.replace(path)
        _to_disk(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _to_disk(path: Path) -> None:
    """Wait until a file, or a folder's names, are on the disk."""
    folder = path.is_dir()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        if not folder:  # not every file system can do it to a folder
            raise
    finally:
        os.close(descriptor)


def cannot_write(path: Path, error: OSError) -> UserError:
    """Say that a file cannot be written, and how to fix it.

    Args:
        path: The file.
        error: What the operating system said.
    """
    fix = "make it writable, or name another folder"
    if error.errno in FULL:
        fix = "free some space and give the same command again"
    return UserError(f"{path} cannot be written: {error.strerror or error}; {fix}.")


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that killed runs left in a folder; only its owner may.

    Args:
        folder: The folder, which need not exist.
    """
    for path in folder.glob(f"{TEMPORARY}*.tmp*"):
        path.unlink(missing_ok=True)


@contextmanager
def owned(folder: Path, what: str) -> Iterator[None]:
    """Own a folder: of several processes that write to it at a time, all but the first are refused.

    A process that already owns it continues to own it.

    The lock is the operating system's and goes with the process, however that ends. Of the processes of one run only
    the first takes it. Where the file system or the system (Windows) has no such locks, there is none.

    Args:
        folder: The folder, which exists.
        what: What the process does, such as `"evaluation"`.

    Raises:
        UserError: If another process owns it; the message names that.
    """
    path = folder.resolve() / LOCK
    mine = path.parent in _held or rank_zero_only.rank  # type: ignore[attr-defined]  # set by Lightning
    descriptor = None if mine else _lock(path)
    if descriptor is None:
        yield
        return
    _held[path.parent] = descriptor
    try:
        _sign(descriptor, what)
        remove_leftovers(path.parent)
        yield
    finally:
        if _held.pop(path.parent, None) is not None:  # else this is a forked child, which has let go of it
            # The name goes first: whoever opened it meanwhile sees that it holds a file that is no longer there.
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)


def _lock(path: Path) -> int | None:
    """Lock a file; None where there are no locks."""
    if sys.platform == "win32":
        return None
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BlockingIOError as error:
            owner = os.read(descriptor, 4096)
            os.close(descriptor)
            raise UserError(_refusal(path.parent, owner)) from error
        except OSError as error:
            told = f"{path.parent} cannot be locked ({error.strerror}); let one run at a time write to it."
            warnings.warn(told, stacklevel=4)
            os.close(descriptor)
            return None
        os.close(descriptor)


def _sign(descriptor: int, what: str) -> None:
    since = datetime.now().astimezone().isoformat(" ", "seconds")
    owner = {"what": what, "pid": os.getpid(), "host": platform.node(), "since": since, "command": shlex.join(sys.argv)}
    os.ftruncate(descriptor, 0)
    with suppress(OSError):  # a full disk has no letters to spare, and the lock holds without them
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)


def _refusal(folder: Path, owner: bytes) -> str:
    who = "another process"
    with suppress(ValueError, KeyError, TypeError):
        known = json.loads(owner)
        who = (
            f"another {known['what']} (process {known['pid']} on {known['host']}, since {known['since']}: "
            f"{known['command']})"
        )
    return f"{folder} is being written to by {who}; wait for its end, or name another folder."


def _let_go() -> None:
    # A worker that outlives its killed parent by some seconds would keep the lock.
    while _held:
        os.close(_held.popitem()[1])


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


@contextmanager
def made_if_filled(folder: Path) -> Iterator[Path]:
    """Make a folder if necessary, see `writable_folder`; at the end, new folders that are empty are removed.

    Args:
        folder: The folder.

    Yields:
        The folder.

    Raises:
        UserError: If it cannot be made or written to.
    """
    missing = missing_folders(folder)
    try:
        yield writable_folder(folder)
    finally:
        remove_empty(missing)


def missing_folders(folder: Path) -> list[Path]:
    """Return what making a folder makes: itself and those above it that do not exist, innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove those of some folders that are empty.

    Args:
        folders: Innermost first; those that do not exist are passed over.
    """
    for folder in folders:
        with suppress(OSError):  # it is not empty, or was never made
            folder.rmdir()


def writable_folder(folder: Path) -> Path:
    """Make a folder if necessary, and check that files can be written to it.

    Args:
        folder: The folder.

    Returns:
        The folder.

    Raises:
        UserError: If it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(
            f"the output folder {folder} cannot be written, because it is or lies below a file; name another one."
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"the output folder {folder} cannot be written: {reason}; name another one.") from error
