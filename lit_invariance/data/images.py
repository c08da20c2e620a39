"""Decoding: any picture file to 8-bit RGB, or an error that names the broken file."""

import io
import mmap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from lit_invariance.data.sixteen_bits import eight_bit_grey, is_dark, reads_sixteen_bits, scale_of
from lit_invariance.errors import UserError
from lit_invariance.names import printable

# By content, whatever the file is called; Pillow's other readers start programs (Ghostscript) or are little tested.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM", "AVIF", "JPEG2000")
# fmt: off
EXTENSIONS = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".apng", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".ppm",
    ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k", ".jpx",
})
# fmt: on
MOST_PIXELS = 2**27
BYTES_A_PIXEL = 32  # at most, while a picture is decoded and converted; the most, a transparent WebP, takes 28
LONGEST_REASON = 200  # letters
ORIENTATION, TURNED = 0x0112, range(5, 9)
# Memory that forked workers share, so that all of them together warn once.
_warned = mmap.mmap(-1, 1)


def decode(path: str | Path, least_side: int | None = None) -> Tensor:
    """Read a picture.

    Args:
        path: A file in one of `FORMATS`; of several frames the first is taken.
        least_side: Where given, a JPEG file may come out at 1/2, 1/4 or 1/8 of its size, with sides of no fewer pixels.
            Its decoder then averages and saves most of its time.

    Returns:
        uint8 (3, H, W), upright, see `to_rgb`.

    Raises:
        UserError: If the file is missing, broken, holds no picture, or one so large that decoding it would take more
            than 4 GiB of memory; it names the file.
    """
    return _decoded(path, path, least_side)


def decode_bytes(content: bytes, name: str) -> Tensor:
    """Read a picture from what a file of it would hold.

    Args:
        content: As a file in one of `FORMATS`.
        name: Which picture it is, for error messages.

    Returns:
        What `decode` returns of a file with this content.

    Raises:
        UserError: As `decode`.
    """
    return _decoded(io.BytesIO(content), name)


def _decoded(file: str | Path | io.BytesIO, name: str | Path, least_side: int | None = None) -> Tensor:
    with naming(name), open_picture(file) as image:
        if least_side is not None:
            image.draft(None, (least_side, least_side))
        sixteen_bits = reads_sixteen_bits(image)
        pixels = to_rgb(image)
    if sixteen_bits and is_dark(pixels):
        _warn_of_depth(name)
    return pixels


def decoded_size(path: str | Path) -> tuple[int, int]:
    """Return width and height of a picture as `decode` returns it, upright, without decoding it.

    Args:
        path: The file.

    Raises:
        UserError: As `decode`, as far as the head of the file shows it.
    """
    with naming(path), open_picture(path) as image:
        width, height = image.size
        return (height, width) if image.getexif().get(ORIENTATION) in TURNED else (width, height)


def open_picture(path: str | Path | io.BytesIO) -> Image.Image:
    """Open a picture with the readers of `FORMATS` only.

    Args:
        path: The file, or its content.

    Raises:
        ValueError: If decoding it would take too much memory.
        OSError: If it is missing or no picture; other errors as Pillow's readers have them.
    """
    image = Image.open(path, formats=_formats())
    if image.width * image.height > MOST_PIXELS:
        image.close()
        raise ValueError(_too_large(f"{image.width} x {image.height} pixels"))
    return image


@contextmanager
def naming(what: str | Path) -> Iterator[None]:
    """Turn whatever goes wrong while a picture is read into a sentence with its name.

    Which errors Pillow's readers let through on a damaged file is open-ended, so all are caught. Pillow's warnings are
    about metadata, which is not used; damaged pixels raise an error.

    Args:
        what: The picture's file, or words for it.

    Raises:
        UserError: In place of any other error.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except Exception as error:
        name, reason = printable(what), _reason(error)
        raise UserError(f"cannot read the image {name} ({reason}); replace or remove the file.") from error


def to_rgb(image: Image.Image) -> Tensor:
    """Convert a Pillow image of any mode.

    Greyscale is repeated, palettes are looked up, CMYK goes through Pillow's conversion, 16 bits are scaled to 8 with
    rounding (see `scale_of`), transparent pixels are laid over black (the ground of the embedding protocols), and
    the orientation that a camera noted in EXIF is applied.

    Args:
        image: The image.

    Returns:
        uint8 (3, H, W); a view of pixel-interleaved memory.

    Raises:
        ValueError: If the pixels are 32-bit numbers, which have no agreed range, or the mode has no conversion.
    """
    scale = scale_of(image) if image.mode[0] in "IF" else None
    upright = ImageOps.exif_transpose(image)
    if scale is not None:
        upright = Image.fromarray(eight_bit_grey(upright, scale))
    return torch.from_numpy(np.array(_flattened(upright))).permute(2, 0, 1)


def _flattened(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    image = image.convert("RGBA")
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, image).convert("RGB")


@cache
def _formats() -> list[str]:
    """Those of `FORMATS` that this build of Pillow reads."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is no picture in a known format"
    if isinstance(error, Image.DecompressionBombError):
        return _too_large("its pixels")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__


def _too_large(what: str) -> str:
    most = MOST_PIXELS * BYTES_A_PIXEL // 2**30
    return f"decoding {what} may take more than {most} GiB of memory; the limit is {MOST_PIXELS / 1e6:.0f} megapixels"


def _warn_of_depth(path: str | Path) -> None:
    if not _warned[0]:
        _warned[0] = 1
        warnings.warn(
            f"the picture {printable(path)} has 16 bits but uses only the darkest sixteenth of their range, like "
            "12-bit data stored in 16 bits; it and others like it are used unchanged. If they are too dark, save "
            "them with 8 bits.",
            stacklevel=2,
        )
