"""The content alignment: the picture's own content chooses its position against the network's strides."""

import torch
from torch import Tensor

from lit_invariance.mitigations.inference.wrapper import InferenceWrapper
from lit_invariance.mitigations.interfaces import Classify, check_int
from lit_invariance.mitigations.ops.crops import known_padding, windows
from lit_invariance.mitigations.ops.sharpness import sharpest


class ContentAlign(InferenceWrapper):
    """Move the picture by the smallest amount that puts its sharpest position on a multiple of `grid`, on both axes.

    A network with total stride s gives the same answer after moves by multiples of s, up to border effects; it is
    unstable with respect to the position within a step of the stride, the phase (Azulay & Weiss, JMLR 2019, arXiv
    1805.12177, section 3). Here the content fixes the phase modulo `grid`: a canonical form in the sense of Kaba et
    al., "Equivariance with learned canonicalization functions", ICML 2023, arXiv 2211.06489, though nothing is learned.
    Two moves of a picture whose sharpest position is the same piece of content, and whose content stays `grid` pixels
    away from the frame, reach the network as identical pixels or a multiple of `grid` apart. Adaptive polyphase
    sampling (`polyphase`) does as much at every stride inside the network; this leaves the network and its cost alone.

    With `padding: circular`, the logits are equal up to rounding, for any parameters, for every cyclic shift that
    carries the sharpest position along, where the network is under `circular_padding` and ends in a global average,
    and its total stride divides both the grid and the sides of the picture. In ordinary pictures a move brings new
    pixels in, the alignment pushes some out, and the winner may change; the instability that remains is the network's.

    The sharpest position is that of `content_crop`, looked for in the whole frame. The picture moves by
    `-((grid - 1) // 2)` to `grid // 2` pixels; what enters is padding. A larger grid is steadier, up to the network's
    total stride (mostly 32), and moves the picture farther; a network that has seen its objects in one place only is
    then wrong more often. A position within half a grid of the bottom or the right may come to lie on the first
    multiple beyond the frame; the phase is fixed all the same. One forward pass.

    Args:
        network: What classifies the moved picture, see `InferenceWrapper`.
        grid: Pixels of the network's input between the positions where the sharpest one may come to lie.
        padding: How a picture is extended beyond its frame: `reflect`, `replicate`, `circular` or `zero`.
        gate: Margin below which a picture is moved, see `InferenceWrapper`; None moves every picture.

    Raises:
        ValueError: If the grid or the gate is out of range.
        UserError: If the padding is unknown.
    """

    def __init__(self, network: Classify, grid: int = 8, padding: str = "reflect", gate: float | None = None) -> None:
        super().__init__(network, gate)
        self.grid = check_int("grid", grid, 2)
        self.padding = known_padding(padding)

    def answer(self, images: Tensor) -> Tensor:
        """Return the logits `(N, K)` of the moved pictures."""
        return self.network(self.moved(images))

    def moved(self, images: Tensor) -> Tensor:
        """Move every picture `(N, 3, H, W)`."""
        height, width = images.shape[-2:]
        return windows(images, self.corners(images), height, width, self.padding)

    def corners(self, images: Tensor) -> Tensor:
        """Choose the pixel that becomes the top left one.

        Args:
            images: `(N, 3, H, W)`, float.

        Returns:
            Its row and column, `(N, 2)`, int64, from `-(grid // 2)` to `(grid - 1) // 2`.

        Raises:
            UserError: If the pictures are smaller than 5 x 5 pixels.
        """
        beyond = sharpest(images) % self.grid
        return torch.where(beyond < (self.grid + 1) // 2, beyond, beyond - self.grid)

    def extra_repr(self) -> str:
        """The options, as they appear when the network is printed."""
        return self._shown(grid=self.grid, padding=self.padding)
