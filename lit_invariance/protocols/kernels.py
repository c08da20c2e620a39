"""How the libraries that networks are deployed with resize pictures of 8 bits."""

from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from lit_invariance.protocols.decoders import Pixels


def _pillow(name: str, pixels: Pixels, height: int, width: int) -> Pixels:
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling[name])
    return np.asarray(resized)


def _opencv(name: str, pixels: Pixels, height: int, width: int) -> Pixels:
    import cv2

    return np.asarray(cv2.resize(pixels, (width, height), interpolation=getattr(cv2, f"INTER_{name}")), np.uint8)


PILLOW = ("bilinear", "nearest", "box", "hamming", "bicubic", "lanczos")
OPENCV = {"nearest": "NEAREST", "bilinear": "LINEAR", "area": "AREA", "cubic": "CUBIC", "lanczos4": "LANCZOS4"}

KERNELS: dict[str, Callable[[Pixels, int, int], Pixels]] = {
    **{f"Pillow {name}": partial(_pillow, name.upper()) for name in PILLOW},
    **{f"OpenCV {name}": partial(_opencv, flag) for name, flag in OPENCV.items()},
}
"""From `(h, w, 3)`, height and width to `(height, width, 3)`. Where a picture becomes smaller, Pillow's kernels but
`nearest` widen so that they average what is left out; of OpenCV's only `area` does."""
