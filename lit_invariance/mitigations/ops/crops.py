"""Windows of a batch of pictures, each picture's own, cut out on the device without a loop or a padded copy."""

import torch
from torch import Tensor

from lit_invariance.errors import unknown
from lit_invariance.mitigations.ops.extend import fold
from lit_invariance.mitigations.ops.low_pass import PADDINGS


def windows(images: Tensor, corners: Tensor, height: int, width: int, padding: str) -> Tensor:
    """Cut one window out of each picture; it may reach beyond the picture.

    Args:
        images: `(N, C, H, W)`, any type.
        corners: Row and column of each window's first pixel, `(N, 2)` or `(2,)`, whole numbers, negative ones too.
        height: Rows of the windows.
        width: Columns of the windows.
        padding: How a picture is extended beyond its frame: `reflect`, `replicate`, `circular` or `zero`.

    Returns:
        `(N, C, height, width)`, in channels_last.
    """
    corners = corners.to(images.device).expand(images.shape[0], 2)  # len() would fix the batch of an exported file
    rows = corners[:, :1] + torch.arange(height, device=images.device)
    columns = corners[:, 1:] + torch.arange(width, device=images.device)
    # Black is also what the windows of protocols stand on: 0 before normalisation.
    inner = "replicate" if padding == "zero" else padding
    at_rows, at_columns = fold(rows, images.shape[2], inner), fold(columns, images.shape[3], inner)
    batch = torch.arange(images.shape[0], device=images.device)[:, None, None]
    taken = images.permute(0, 2, 3, 1)[batch, at_rows[:, :, None], at_columns[:, None, :]]
    if padding == "zero":
        inside = (at_rows == rows)[:, :, None] & (at_columns == columns)[:, None, :]
        taken = taken * inside[..., None]
    return taken.permute(0, 3, 1, 2)


def shifted(images: Tensor, offsets: Tensor, padding: str) -> Tensor:
    """Move each picture by whole pixels; what leaves the frame is lost, what enters is padding.

    Args:
        images: `(N, C, H, W)`, any type.
        offsets: Pixels down and to the right, `(N, 2)` or `(2,)`, whole numbers.
        padding: As for `windows`.

    Returns:
        `(N, C, H, W)`, in channels_last.
    """
    return windows(images, -offsets, images.shape[2], images.shape[3], padding)


def random_offsets(count: int, reach: int, device: torch.device) -> Tensor:
    """Draw moves, uniform over the square of `2 reach + 1` pixels, from PyTorch's generator of the device.

    Args:
        count: Number of moves N.
        reach: The greatest move along either axis, in pixels.
        device: Where the moves are drawn.

    Returns:
        Pixels down and to the right, `(N, 2)`, int64.
    """
    return torch.randint(-reach, reach + 1, (count, 2), device=device)


def known_padding(value: str) -> str:
    """Check a padding.

    Raises:
        UserError: If it is unknown.
    """
    if value not in PADDINGS:
        raise unknown("padding", str(value), PADDINGS)
    return value
