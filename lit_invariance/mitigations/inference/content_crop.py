"""The content crop: the network looks through a window that the picture's own content chooses."""

import torch
from torch import Tensor

from lit_invariance.mitigations.inference.wrapper import InferenceWrapper
from lit_invariance.mitigations.interfaces import Classify, check_int
from lit_invariance.mitigations.ops.crops import known_padding, windows
from lit_invariance.mitigations.ops.sharpness import sharpest


class ContentCrop(InferenceWrapper):
    """Classify the window whose centre has the greatest score, so that neighbouring shifts choose the same pixels.

    The score of a position is the size of the Laplacian of the picture's brightness there, smoothed by [1, 2, 1] / 4 in
    both directions: it depends on the 5 x 5 pixels around the position and on nothing else. Candidates are the
    positions within `reach` pixels of the centre along either axis whose 5 x 5 pixels lie in the frame; of equal scores
    the first in reading order wins. The window of `size` x `size` pixels around the winner is what the network sees.

    Why it is steady: when the picture moves by whole pixels, scores move along with it, exactly. As long as the winner
    stays a candidate and none that enters exceeds it, the window moves with it, and if it lies in the frame, or what
    lies beyond equals the padding (a black surround and `zero`), the network gets identical pixels and gives identical
    logits. For one-pixel moves of n x n candidates a winner that is equally likely anywhere is lost for 2/n of the
    pictures along each axis; the remainder of the instability is the network's own. Where all content of a picture on
    a constant ground is among the candidates, no winner is ever lost.

    In the spirit of Robust Inference by Crop Selection (Shifman & Weiss, "Lost in translation: modern neural networks
    still struggle with small realistic image transformations", ECCV 2024, arXiv 2404.07153), which lets the picture
    choose among its crops and can be proven to reach any desired consistency at some cost in accuracy. The score and
    the windows beyond the frame are this project's. One forward pass. A network that has learned to expect objects in
    the centre loses accuracy; the wider the reach, the more.

    Args:
        network: What classifies the window, see `InferenceWrapper`.
        size: Side of the window in pixels; None takes the picture's own, so that the window reaches beyond the frame.
        reach: The farthest the window's centre may lie from the picture's, along either axis, in pixels; None takes an
            eighth of the picture's side. A wider reach is steadier and shows more of what is beyond the frame.
        padding: How a picture is extended beyond its frame: `reflect`, `replicate`, `circular` or `zero`.
        gate: Margin below which the window is taken, see `InferenceWrapper`; None takes it for every picture.

    Raises:
        ValueError: If size, reach or gate is out of range.
        UserError: If the padding is unknown.
    """

    def __init__(
        self,
        network: Classify,
        size: int | None = None,
        reach: int | None = None,
        padding: str = "reflect",
        gate: float | None = None,
    ) -> None:
        super().__init__(network, gate)
        self.size = None if size is None else check_int("size", size, 1)
        self.reach = None if reach is None else check_int("reach", reach, 1)
        self.padding = known_padding(padding)

    def answer(self, images: Tensor) -> Tensor:
        """Return the logits `(N, K)` of the chosen windows."""
        rows, columns = images.shape[-2:] if self.size is None else (self.size, self.size)
        centres = self.centres(images)
        corners = torch.stack([centres[:, 0] - rows // 2, centres[:, 1] - columns // 2], 1)
        return self.network(windows(images, corners, rows, columns, self.padding))

    def centres(self, images: Tensor) -> Tensor:
        """Choose the windows' centres.

        Args:
            images: `(N, 3, H, W)`, float.

        Returns:
            Row and column of each, `(N, 2)`, int64.

        Raises:
            UserError: If the pictures are smaller than what a score reads.
        """
        height, width = images.shape[-2:]
        return sharpest(images, (height // 8, width // 8) if self.reach is None else (self.reach, self.reach))

    def extra_repr(self) -> str:
        """The options, as they appear when the network is printed."""
        return self._shown(size=self.size, reach=self.reach, padding=self.padding)
