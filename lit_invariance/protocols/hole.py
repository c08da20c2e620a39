"""Filling a hole in a picture from what is around it: the inpainting of the embeddings, the other way round."""

import torch
from torch import Tensor

from lit_invariance.protocols.inpainting import TAPS, blur_matrix


def fill_hole(picture: Tensor, known: Tensor) -> Tensor:
    """Fill the unknown pixels of a picture, keeping every known one.

    It is the definition of `inpaint` for known pixels of any form: where any known pixel is within reach of the kernel
    of 13 taps, an unknown one becomes blur(picture x known) / blur(known), and counts as known in the next pass.

    Args:
        picture: `(C, H, W)` float32; what it holds at unknown pixels does not matter.
        known: `(H, W)` bool.

    Returns:
        `(C, H, W)` float32, new memory.

    Raises:
        ValueError: If no pixel is known.
    """
    if not known.any():
        raise ValueError("no pixel of the picture is known, so there is nothing to fill the others from.")
    down, across = (blur_matrix(length, TAPS + 1, picture.device) for length in picture.shape[-2:])
    mask = known.to(picture.dtype)
    filled = picture * mask
    # Half precision, which an autocast around this would choose, is too coarse for a picture.
    with torch.autocast(picture.device.type, enabled=False):
        while not mask.all():
            weight = down @ mask @ across.T
            blurred = down @ filled @ across.T
            reached = weight > 0
            filled = torch.where(mask > 0, filled, torch.where(reached, blurred / weight, 0))
            mask = reached.to(picture.dtype)
    return filled
