"""A check that pictures are in [0, 1], which costs one look at the first of them."""

import torch
from torch import Tensor

from lit_invariance.errors import UserError

LOW, HIGH = -0.2, 1.2
"""Bicubic resizing without clamping exceeds [0, 1] by less; normalised pictures exceed it by much more."""


class PictureRange:
    """Looks at the values of the first batch of floats and then never again, because looking makes a device wait."""

    def __init__(self) -> None:
        self._seen = False

    def see(self, images: Tensor) -> None:
        """Refuse pictures that were normalised, or are floats up to 255.

        Args:
            images: A batch; uint8 needs no look, and a program that is being traced shows no values.

        Raises:
            UserError: If values lie far outside [0, 1].
        """
        if self._seen or not images.is_floating_point() or not images.numel() or torch.compiler.is_compiling():
            return
        low, high = (float(value) for value in images.detach().aminmax())
        if low < LOW or high > HIGH:
            raise UserError(
                f"LitClassifier was given pictures with values from {low:.3g} to {high:.3g}; it takes uint8 or floats "
                "in [0, 1] and normalises them itself: leave Normalize out, and divide by 255."
            )
        self._seen = True
