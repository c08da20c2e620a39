"""Files of Hugging Face's hub: fetched if the user asked for them, or taken from where they were fetched to before."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import huggingface_hub

from lit_invariance.errors import UserError

_fetching: ContextVar[bool] = ContextVar("fetching", default=True)


def may_fetch() -> bool:
    """Return whether files may be fetched; False within `from_disk`."""
    return _fetching.get()


@contextmanager
def from_disk() -> Iterator[None]:
    """Fetch nothing: what is named comes from a file that may be a stranger's, and not from the user."""
    before = _fetching.set(False)
    try:
        yield
    finally:
        _fetching.reset(before)


def fetch(repository: str, file: str, whose: str) -> Path:
    """Return the path of a file of a repository.

    Args:
        repository: Its name on the hub, `owner/name`.
        file: The file's name.
        whose: What the file is part of, for the error message.

    Raises:
        UserError: If it cannot be fetched; the message says what to put where.
    """
    try:
        with quiet_hub():
            return Path(huggingface_hub.hf_hub_download(repository, file, local_files_only=not may_fetch()))
    except Exception as error:  # the client raises another family of errors with each of its releases
        raise UserError(
            f"{whose} cannot be downloaded; fetch {file} of the hub repository {repository}, with "
            f"'hf download {repository}' for later use or as a file of weights to name."
        ) from error


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Hide the client's messages about retries; one sentence says what went wrong."""
    before = huggingface_hub.logging.get_verbosity()
    huggingface_hub.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        huggingface_hub.logging.set_verbosity(before)
