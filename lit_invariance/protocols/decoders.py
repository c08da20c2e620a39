"""Other decoders than the one that pictures are read with: from a file to pixels, upright and RGB."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""`(H, W, 3)`."""


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

    It is deprecated since torchvision 0.29, and a later release will not have it.

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
    pixels: Pixels = decoded.permute(1, 2, 0).contiguous().numpy()
    return pixels


DECODERS: dict[str, Callable[[str | Path], Pixels]] = {"OpenCV": by_opencv, "torchvision": by_torchvision}
