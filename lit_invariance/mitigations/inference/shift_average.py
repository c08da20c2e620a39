"""The shift average: at inference, the mean of the answers to many moves of a picture."""

import math
from itertools import product

import torch
from torch import Tensor

from lit_invariance.mitigations.inference.wrapper import InferenceWrapper
from lit_invariance.mitigations.interfaces import Classify, check_int
from lit_invariance.mitigations.ops.crops import known_padding, shifted


class ShiftAverage(InferenceWrapper):
    """Mean of the softmax over the moves of a square lattice; the same moves for every picture.

    Along each axis the moves are `step * (i - (k - 1) // 2)` pixels, i = 0..k-1, so that 4 shifts of 1 px are -1, 0, 1
    and 2. The result is `log(1/k^2 sum_v softmax(z_v))`, whose softmax is the mean. If the picture moves by the step,
    only 1/k of the views along either axis change, which makes the answer stable. If the strides are the only cause of
    instability, as under circular padding, averaging over all phases of the total stride makes a network exactly
    invariant (the converse of the subsampling argument of Azulay & Weiss, JMLR 2019, arXiv 1805.12177).

    Args:
        network: What classifies every move, see `InferenceWrapper`.
        shifts: Moves k along each axis; a picture costs `k^2` forward passes.
        step: Pixels of the network's input between neighbouring moves.
        padding: How a picture is extended beyond its frame: `reflect`, `replicate`, `circular` or `zero`.
        gate: Margin below which a picture is averaged, see `InferenceWrapper`; None averages every picture.

    Raises:
        ValueError: If the shifts, the step or the gate are out of range.
        UserError: If the padding is unknown.
    """

    def __init__(
        self, network: Classify, shifts: int = 4, step: int = 1, padding: str = "reflect", gate: float | None = None
    ) -> None:
        super().__init__(network, gate, check_int("shifts", shifts, 2) ** 2)
        self.shifts, self.step, self.padding = shifts, check_int("step", step, 1), known_padding(padding)
        moves = [step * (number - (shifts - 1) // 2) for number in range(shifts)]
        self.moves = torch.tensor(list(product(moves, moves)))

    def answer(self, images: Tensor) -> Tensor:
        """Return logits `(N, K)`, float32 or wider, the logarithms of the mean probabilities."""
        total: Tensor | None = None
        # One move at a time: all of them at once would need k^2 times the memory, and a batch is large enough.
        for move in self.moves:
            logits = self.network(shifted(images, move, self.padding))
            answer = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)
            total = answer if total is None else torch.logaddexp(total, answer)
        assert total is not None
        return total - math.log(len(self.moves))

    def extra_repr(self) -> str:
        """The options, as they appear when the network is printed."""
        return self._shown(shifts=self.shifts, step=self.step, padding=self.padding)
