"""The temporal average: of a film, the mean of the answers to its frames so far, the latest ones counting most."""

import math

import torch
from torch import Tensor, nn

from lit_invariance.mitigations.interfaces import Classify, check_positive


class ExponentialMean:
    """The running mean of probabilities over the frames of one film.

    `m_t = (1 - a) m_{t-1} + a p_t` with `a = 1 / (1 + delay)`, and `m_1 = p_1`. A frame that is n frames old has the
    weight `a (1 - a)^n`, so that what the mean holds is `(1 - a) / a = delay` frames old on average. That is its cost:
    what a film shows is answered so much later. From one certain answer to another it changes with the n-th frame of
    the second, `n` the least with `(1 - a)^n < 1/2`.

    Args:
        delay: Mean age in frames, above 0.

    Raises:
        ValueError: If the delay is out of range.
    """

    def __init__(self, delay: float) -> None:
        self.delay = check_positive("delay", delay)
        self._last: Tensor | None = None

    def reset(self) -> None:
        """Forget the past: the next frame is the first one of a film."""
        self._last = None

    def __call__(self, logits: Tensor) -> Tensor:
        """Take the next frames.

        Args:
            logits: `(n, K)`, of n frames in the order of time.

        Returns:
            `(n, K)`, float32 or wider, the logarithms of the mean probabilities at each frame.
        """
        new, old = -math.log1p(self.delay), math.log(self.delay) - math.log1p(self.delay)
        means = []
        for answer in logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1):
            self._last = answer if self._last is None else torch.logaddexp(self._last + old, answer + new)
            means.append(self._last)
        return torch.stack(means) if means else logits


class TemporalAverage(nn.Module):
    """Classify the frames of a film by the mean of the probabilities so far, see `ExponentialMean`.

    It remembers: in evaluation mode, frames must come in the order of time, and `reset` must be called before the first
    frame of another film. A picture by itself is answered as without it. In training mode it passes logits through.

    An evaluation does not run this module: batches for speed are filled up with zeros and run side by side. It takes
    the network out and averages what it says of the frames, film by film and in their order.

    Args:
        network: What classifies each frame: from pictures `(N, 3, S, S)`, float in [0, 1], to logits `(N, K)`.
        delay: Frames by which the answer is late, on average.

    Attributes:
        network: The same.
        delay: The same.

    Raises:
        ValueError: If the delay is not above 0.
    """

    def __init__(self, network: Classify, delay: float = 4) -> None:
        super().__init__()
        self.network, self._mean = network, ExponentialMean(delay)
        self.training = getattr(network, "training", False)

    @property
    def delay(self) -> float:
        """Mean age in frames of what an answer is made of."""
        return self._mean.delay

    def reset(self) -> None:
        """Forget the past: the next frame is the first one of a film."""
        self._mean.reset()

    def forward(self, images: Tensor) -> Tensor:
        """Classify the next frames of a film."""
        logits = self.network(images)
        return logits if self.training else self._mean(logits)

    def extra_repr(self) -> str:
        """The option, as it appears when the network is printed."""
        return f"delay={self.delay:g}"
