"""The size of a network's input: a square's side, or rows and columns."""

from typing import Any

Size = int | tuple[int, int]
"""Side S of a square, or (H, W), in pixels."""


def as_size(size: Any) -> Size:
    """Return a size in one form, so that equal sizes are equal.

    Args:
        size: A side, or rows and columns as any sequence.

    Returns:
        The side of a square, otherwise (H, W).

    Raises:
        ValueError: If it is neither.

    Example:
        >>> as_size(224), as_size([128, 64]), as_size((64, 64))
        (224, (128, 64), 64)
    """
    pair: tuple[Any, ...] = (
        (size, size) if isinstance(size, int) else tuple(size) if isinstance(size, list | tuple) else ()
    )
    if len(pair) != 2 or not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in pair):
        raise ValueError(f"a size is a side in pixels, or [rows, columns], not {size!r}.")
    rows, columns = (int(side) for side in pair)
    return rows if rows == columns else (rows, columns)


def sides(size: Size) -> tuple[int, int]:
    """Return rows and columns (H, W)."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def in_words(size: Size) -> str:
    """Return `width x height`, as sizes of pictures are usually written."""
    rows, columns = sides(size)
    return f"{columns} x {rows}"
