"""How the phase that a polyphase layer keeps is chosen: by norm, or by a small network."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_invariance.mitigations.ops.extend import extend
from lit_invariance.mitigations.ops.phases import loudest_phase, split
from lit_invariance.mitigations.ops.windows import Pair

HIDDEN = 16


class LoudestPhase(nn.Module):
    """Chooses the phase of largest norm, see `loudest_phase`; it has no parameters.

    Args:
        stride: Step between samples of a phase, in rows and columns.

    Shape:
        (N, C, H, W) to (N,), int64.
    """

    def __init__(self, stride: Pair) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, maps: Tensor) -> Tensor:
        """Number the phase to keep of each map."""
        return loudest_phase(maps, self.stride)


class LearnedPhase(nn.Module):
    """Chooses the phase that a small network scores highest (Rojas-Gomez et al., NeurIPS 2022, arXiv 2210.08001).

    The score of a phase is the mean over its samples of two 3x3 convolutions with a ReLU between, all circular: a
    cyclic shift of the phase leaves its score, so that a cyclic shift of the map only exchanges the scores. In training
    the phase is drawn with probability softmax(scores) by the Gumbel trick, and the gradient passes straight through to
    the probabilities; in evaluation the highest score decides. The convolutions run on the whole map with the stride as
    their dilation, which is the same as running them on each phase.

    Ties: phases of equal score are as good as shifts of one another; the first is taken.

    Args:
        channels: Channels C of the maps.
        stride: Step between samples of a phase, in rows and columns.

    Shape:
        (N, C, H, W) to (N,), int64, in evaluation, and to weights (N, phases), one of them 1, in training.
    """

    def __init__(self, channels: int, stride: Pair) -> None:
        super().__init__()
        self.stride = stride
        self.hidden = nn.Conv2d(channels, HIDDEN, 3, dilation=stride)
        self.score = nn.Conv2d(HIDDEN, 1, 3, dilation=stride, bias=False)  # softmax and arg-max see differences alone

    def forward(self, maps: Tensor) -> Tensor:
        """Number or weigh the phases to keep of each map."""
        rows, columns = self.stride
        margins = (rows, rows, columns, columns)
        hidden = F.relu(self.hidden(extend(maps, margins, "circular")))
        scores = scores_of_phases(self.score(extend(hidden, margins, "circular")), self.stride)
        return F.gumbel_softmax(scores, hard=True) if self.training else scores.argmax(1)


def scores_of_phases(maps: Tensor, stride: Pair) -> Tensor:
    """Average maps (N, 1, H, W) over the samples of each phase: (N, s t) in float32 or wider."""
    phases = split(maps[:, 0], 1, stride)
    return phases.mean((1, 3), dtype=torch.promote_types(maps.dtype, torch.float32)).flatten(1)
