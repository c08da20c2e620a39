"""The option `image_size`."""

from typing import Any

from lit_invariance.errors import UserError
from lit_invariance.protocols.window import Size, as_size


def checked_size(part: str, size: Any) -> Size:
    """Return `as_size` of an option.

    Args:
        part: What has the option: `"data"` or `"model"`.
        size: Its value.

    Raises:
        UserError: If it is no size.
    """
    try:
        return as_size(size)
    except ValueError as error:
        raise UserError(
            f"{part}.image_size is {size}; it is a side of at least 1 pixel, or [rows, columns]."
        ) from error


def plain(size: Size) -> int | list[int]:
    """Return a size as hyperparameters hold it, which go through YAML and JSON."""
    return size if isinstance(size, int) else list(size)
