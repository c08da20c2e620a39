"""Grey pictures of 16 bits: how many of these bits a file uses, and the same picture in 8 bits."""

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
    """Tell whether the channels of a picture that is not yet loaded have 16 bits in its file."""
    readers = [str(part) for tile in getattr(image, "tile", ()) for part in np.ravel(np.array(tile[3], dtype=object))]
    return image.mode.startswith("I") or any(name[:-1].endswith("16") for name in readers)


def is_dark(pixels: Tensor) -> bool:
    """Tell whether a picture uses only what 12 bits would in place of 16, and is not all black."""
    return 0 < int(pixels.max()) <= DARK


def white_of(image: Image.Image) -> int:
    """Return the value that is full brightness in a grey picture of 16 bits.

    TIFF files say it in `BitsPerSample` or `MaxSampleValue`, PNG files in `sBIT`. By the PNG specification (third
    edition, 11.3.2.7) such values are scaled up to 16 bits, but cameras write them as they are: values that all fit
    into the stated bits and use the lowest ones are not scaled.

    Args:
        image: The picture, not yet loaded where it comes from a file.

    Returns:
        65535 where the file says nothing else.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits, largest = (_tag(image, tag) for tag in (BITS, LARGEST))
        return min(2**bits - 1 if bits else FULL, largest or FULL)
    bits = _png_bits(image) if isinstance(image, PngImagePlugin.PngImageFile) else 16
    white = 2**bits - 1
    values = np.array(image)
    return white if 0 < values.max() <= white and (values % 2 ** (16 - bits)).any() else FULL


def eight_bit_grey(image: Image.Image, white: int = FULL) -> NDArray[np.uint8]:
    """Scale a grey picture of 16 bits to 8 with rounding.

    Args:
        image: Of Pillow's 16-bit modes, or its 32-bit integers, in which some releases open such files.
        white: The value that becomes 255, see `white_of`.

    Returns:
        (H, W); a TIFF file whose lowest value is white is inverted, as Pillow does for 8 bits.

    Raises:
        ValueError: If the pixels are 32-bit numbers, which have no agreed range.
    """
    values = np.array(image)
    if image.mode == "F" or values.min() < 0 or values.max() > FULL:
        raise ValueError("its 32-bit pixels have no agreed range, save it with 8 or 16 bits")
    values = np.minimum(values, white).astype(np.uint32)
    if isinstance(image, TiffImagePlugin.TiffImageFile) and _tag(image, PHOTOMETRIC) == WHITE_IS_ZERO:
        values = white - values
    scaled: NDArray[np.uint8] = ((values * 255 + white // 2) // white).astype(np.uint8)
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
