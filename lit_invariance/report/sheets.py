"""Views as windows of one picture: the picture is in the page once, and style sheets cut the windows out."""

from collections.abc import Sequence
from pathlib import Path

from lit_invariance.report.inline import data_uri
from lit_invariance.results.schema import PictureEntry


def window_style(picture: PictureEntry, number: int) -> str:
    """Return the CSS that shows one view in an element with the picture as its background.

    Args:
        picture: The picture.
        number: Which of its views.
    """
    places = []
    for whole, part, at in zip(picture["size"], picture["window"], picture["places"][number], strict=True):
        # CSS places the same share of both: 0 % puts their beginnings together, 100 % their ends.
        places.append(f"{100 * at / (whole - part):.4f}%" if whole > part else "0%")
    return f"background-position: {places[1]} {places[0]}"


def sheets_style(pictures: Sequence[PictureEntry], folder: Path) -> str:
    """Return the CSS classes `sheet0`, `sheet1`, .. of elements that show views of the pictures.

    Args:
        pictures: The pictures.
        folder: The results folder, which holds their files. A picture whose file was deleted, because it may not be
            shown to others, is left out.

    Raises:
        UserError: If a file lies outside of the folder.
    """
    return "".join(f".sheet{n} {{ {_element(picture, folder)} }}\n" for n, picture in enumerate(pictures))


def _element(picture: PictureEntry, folder: Path) -> str:
    """The background, its scale, and the proportions of a view."""
    (rows, columns), (high, wide) = picture["size"], picture["window"]
    size = f"background-size: {100 * columns / wide:.4f}% {100 * rows / high:.4f}%"
    there = (folder / picture["file"]).is_file()
    image = f"; background-image: url({data_uri(folder, picture['file'])})" if there else ""
    return f"aspect-ratio: {wide} / {high}; {size}{image}"
