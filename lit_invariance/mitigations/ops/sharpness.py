"""Where a picture is sharpest: a place that moves along with the picture, exactly."""

import torch
from torch import Tensor

from lit_invariance.errors import UserError

STENCIL = 2  # pixels that the score of a position reads to each side of it


def sharpest(images: Tensor, reach: tuple[int, int] | None = None) -> Tensor:
    """Find the position of each picture that scores highest; of equals, the first in reading order.

    Candidates are the positions whose 5 x 5 pixels lie in the frame.

    Args:
        images: `(N, 3, H, W)`, float.
        reach: The farthest a candidate may lie from the middle pixel, `(H // 2, W // 2)`, along rows and columns, in
            pixels; None means any.

    Returns:
        Row and column of each, `(N, 2)`, int64.

    Raises:
        UserError: If the pictures are smaller than what a score reads.
    """
    down, right = reach or images.shape[2:]
    rows, columns = _candidates(images.shape[2], down), _candidates(images.shape[3], right)
    scores = sharpness(images)[:, rows.start - STENCIL : rows.stop - STENCIL]
    scores = scores[:, :, columns.start - STENCIL : columns.stop - STENCIL]
    best = scores.flatten(1).argmax(1)
    first = torch.tensor([rows.start, columns.start], device=images.device)
    return first + torch.stack([best // len(columns), best % len(columns)], 1)


def sharpness(images: Tensor) -> Tensor:
    """Size of the Laplacian of the smoothed brightness.

    Sums of slices and no convolution: every value is then computed by the same operations wherever it lies, to the last
    bit, and equal pixels have equal scores.

    Args:
        images: `(N, 3, H, W)`, float.

    Returns:
        `(N, H - 4, W - 4)`; entry (0, 0) belongs to pixel (2, 2).
    """
    grey = images[:, 0] + images[:, 1] + images[:, 2]
    grey = grey[:, :-2] + 2 * grey[:, 1:-1] + grey[:, 2:]
    grey = grey[:, :, :-2] + 2 * grey[:, :, 1:-1] + grey[:, :, 2:]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return (4 * grey[:, 1:-1, 1:-1] - around).abs()


def _candidates(length: int, reach: int) -> range:
    first, last = max(STENCIL, length // 2 - reach), min(length - 1 - STENCIL, length // 2 + reach)
    if first > last:
        least = 2 * STENCIL + 1
        raise UserError(
            f"content_align and content_crop need pictures of {least} pixels or more per side, not {length}."
        )
    return range(first, last + 1)
