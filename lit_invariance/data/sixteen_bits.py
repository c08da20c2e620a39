"""Grey pictures of 16 bits: how many of these bits a file uses, and the same picture in 8 bits."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, TiffImagePlugin
from torch import Tensor

FULL = 65535
PHOTOMETRIC, BITS, LARGEST = 262, 258, 281  # TIFF 6.0, section 8: tags of the baseline
WHITE_IS_ZERO = 0
DARK = 16  # of 255: what 12 bits read as 16 come to
SIGNATURE = 8  # bytes


def reads_sixteen_bits(image: Image.Image) -> bool:
    """Return whether the channels of a picture that is not yet loaded have 16 bits in its file."""
    readers = [str(part) for tile in getattr(image, "tile", ()) for part in np.ravel(np.array(tile[3], dtype=object))]
    return image.mode.startswith("I") or any(name[:-1].endswith("16") for name in readers)


def is_dark(pixels: Tensor) -> bool:
    """Return whether a picture uses only 12 of its 16 bits, and is not all black."""
    return 0 < int(pixels.max()) <= DARK


class Scale(NamedTuple):
    """What the values of a grey picture of 16 bits mean.

    Attributes:
        top: The value at the other end of the range from 0.
        inverted: Whether 0 is white.
    """

    top: int
    inverted: bool


def scale_of(image: Image.Image) -> Scale:
    """Read what the values of a grey picture of 16 bits mean.

    TIFF files say it in `BitsPerSample` or `MaxSampleValue`, and in their photometric interpretation; PNG files in
    `sBIT`. By the PNG specification (third edition, 11.3.2.7) such values are scaled up to 16 bits, but cameras write
    them as they are: values that all fit into the stated bits and use the lowest ones are not scaled.

    Args:
        image: The picture, not yet loaded where it comes from a file.

    Returns:
        65535, not inverted, where the file says nothing else.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits, largest = (_tag(image, tag) for tag in (BITS, LARGEST))
        top = min(2**bits - 1 if bits else FULL, largest or FULL)
        return Scale(top, inverted=_tag(image, PHOTOMETRIC) == WHITE_IS_ZERO)
    bits = _png_bits(image) if isinstance(image, PngImagePlugin.PngImageFile) else 16
    top, values = 2**bits - 1, np.array(image)
    return Scale(top if 0 < values.max() <= top and (values % 2 ** (16 - bits)).any() else FULL, inverted=False)


def eight_bit_grey(image: Image.Image, scale: Scale) -> NDArray[np.uint8]:
    """Scale a grey picture of 16 bits to 8 with rounding.

    Args:
        image: Of Pillow's 16-bit modes, or its 32-bit integers, in which some releases open such files.
        scale: What its values mean. Pillow inverts where 0 is white for 8 bits, and not for 16.

    Returns:
        (H, W).

    Raises:
        ValueError: If the pixels are 32-bit numbers, which have no agreed range.
    """
    values = np.array(image)
    if image.mode == "F" or values.min() < 0 or values.max() > FULL:
        raise ValueError("its 32-bit pixels have no agreed range, save it with 8 or 16 bits")
    values = np.minimum(values, scale.top).astype(np.uint32)
    if scale.inverted:
        values = scale.top - values
    scaled: NDArray[np.uint8] = ((values * 255 + scale.top // 2) // scale.top).astype(np.uint8)
    return scaled


def _tag(image: TiffImagePlugin.TiffImageFile, tag: int) -> int | None:
    """The first number of a TIFF tag; None where there is none above or at zero."""
    value = image.tag_v2.get(tag)
    first = value[0] if isinstance(value, tuple) and value else value
    return int(first) if isinstance(first, int | float) and first >= 0 else None


def _png_bits(image: PngImagePlugin.PngImageFile) -> int:
    """The number in a grey picture's chunk `sBIT`, which Pillow passes over; 16 where there is none."""
    file = image.fp
    if file is None:
        return 16
    place = file.tell()
    file.seek(SIGNATURE)
    bits = 16
    while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"sBIT" and length == 1:
            bits = min(max(file.read(1)[0], 1), 16)
            break
        file.seek(length + 4, 1)
    file.seek(place)
    return bits
