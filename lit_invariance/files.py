"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lit_invariance.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` to write to, and rename it to `path` when the block ends without an error.

    Args:
        path: Where the file shall stand.

    Yields:
        The temporary path, with the suffix of `path`, since some writers choose the format by it.
    """
    # The process's umask decides on the permissions, as it would for a file written in place.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def writable_folder(folder: Path) -> Path:
    """Make a folder if need be, and show that files can be written to it.

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
            f"the output folder {folder} cannot be written, for it is or lies below a file; name another one."
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"the output folder {folder} cannot be written: {reason}; name another one.") from error
