"""Decoding: any picture file to 8-bit RGB, or a sentence that says which file is broken."""

import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from lit_invariance.errors import UserError

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})
# What Pillow's readers let through when a file is not what its name says, ends early or asks for too much memory.
BROKEN: tuple[type[Exception], ...] = (OSError, EOFError, SyntaxError, ValueError, IndexError)
BROKEN += (struct.error, zlib.error, Image.DecompressionBombError)


def decode(path: str | Path) -> Tensor:
    """Read a picture.

    Args:
        path: A file in any format that Pillow reads; of several frames the first is taken.

    Returns:
        uint8 (3, H, W), upright, see `to_rgb`.

    Raises:
        UserError: If the file is missing, broken or holds no picture; it names the file.
    """
    try:
        with Image.open(path) as image:
            return to_rgb(image)
    except BROKEN as error:
        reason = "it is no picture in a known format" if isinstance(error, UnidentifiedImageError) else error
        raise UserError(f"cannot read the image {path} ({reason}); replace or remove the file.") from error


def to_rgb(image: Image.Image) -> Tensor:
    """Convert a Pillow image of any mode.

    Greyscale is repeated, palettes are looked up, CMYK goes through Pillow's conversion, 16 bits are scaled to 8 by
    division by 257 with rounding, transparent pixels are laid over black (the ground of the embedding protocols), and
    the orientation that a camera noted in EXIF is applied.

    Args:
        image: The image.

    Returns:
        uint8 (3, H, W); a view of pixel-interleaved memory.

    Raises:
        ValueError: If the pixels are 32-bit numbers, which have no agreed range, or the mode has no conversion.
    """
    image = ImageOps.exif_transpose(image)
    pixels = np.array(_eight_bit_grey(image) if image.mode[0] in "IF" else _flattened(image))
    return torch.from_numpy(pixels).permute(2, 0, 1)


def _flattened(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, image).convert("RGB")


def _eight_bit_grey(image: Image.Image) -> Image.Image:
    values = np.array(image)
    # Some releases of Pillow open 16-bit files in its 32-bit integer mode.
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError("its 32-bit pixels have no agreed range, save it with 8 or 16 bits")
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8)).convert("RGB")
