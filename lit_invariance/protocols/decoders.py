"""Other decoders than the one that pictures are read with: from a file to pixels, upright and RGB."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""`(H, W, 3)`."""
HEADS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")
"""How the JPEG, PNG and GIF files begin that torchvision decodes, beside WebP."""


def by_opencv(path: str | Path) -> Pixels:
    """Decode a file with `cv2.imdecode`, which turns it upright and drops transparency.

    Args:
        path: The file.

    Raises:
        ValueError: If OpenCV cannot decode it.
        OSError: If it cannot be read.
    """
    import cv2

    content = np.fromfile(path, np.uint8)
    try:
        decoded = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise ValueError("OpenCV cannot decode it")
    rgb: Pixels = np.ascontiguousarray(decoded[:, :, ::-1])
    return rgb


def by_torchvision(path: str | Path) -> Pixels:
    """Decode a file with `torchvision.io.decode_image`, turned upright.

    16 bits are scaled to 8, and of an animation the first picture is taken. The function is deprecated since
    torchvision 0.29, and a later release will not have it.

    Args:
        path: The file.

    Raises:
        ValueError: If torchvision cannot decode it, or decodes no files any more.
    """
    try:
        from torchvision.io import ImageReadMode, decode_image

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            decoded = decode_image(str(path), ImageReadMode.RGB, apply_exif_orientation=True)
    except (RuntimeError, ImportError) as error:
        raise ValueError("torchvision cannot decode it") from error
    if decoded.ndim == 4:  # an animation
        decoded = decoded[0]
    if decoded.dtype == torch.uint16:
        decoded = (decoded.float() / 257).round().to(torch.uint8)
    pixels: Pixels = decoded.permute(1, 2, 0).contiguous().numpy()
    return pixels


def _opencv_reads(path: str | Path) -> bool:
    import cv2

    return bool(cv2.haveImageReader(str(path)))


def _torchvision_reads(path: str | Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(12)
    return head.startswith(HEADS) or (head[:4], head[8:]) == (b"RIFF", b"WEBP")


class Decoder(NamedTuple):
    """A library that decodes files.

    Attributes:
        reads: Tells from the head of a file whether it is in a format that the library has.
        decode: Decodes it; raises `ValueError` if the library cannot.
    """

    reads: Callable[[str | Path], bool]
    decode: Callable[[str | Path], Pixels]


DECODERS: dict[str, Decoder] = {
    "OpenCV": Decoder(_opencv_reads, by_opencv),
    "torchvision": Decoder(_torchvision_reads, by_torchvision),
}
