"""The consistency loss: a picture and the same picture moved should get the same answer."""

from torch import Tensor

from lit_invariance.mitigations.interfaces import Classifier, check_int, check_positive
from lit_invariance.mitigations.ops.crops import known_padding, random_offsets, shifted


class Consistency:
    """Symmetric Kullback-Leibler divergence between the predictions p, q of two views of every training picture.

    `1/2 [KL(p || q) + KL(q || p)] = 1/2 sum_k (p_k - q_k) (log p_k - log q_k)`, averaged over the batch, with gradients
    through both. One view is the training picture, the other is the same picture moved by whole pixels. The move is
    drawn independently for each picture, uniformly over the square of `2 shift + 1` pixels. No label is needed. A step
    costs one more forward and backward pass.

    Zheng et al., "Improving the robustness of deep neural networks via stability training", CVPR 2016 (arXiv
    1604.04326), add the divergence between the predictions of a picture and of a disturbed copy to the loss; the
    symmetric half sum is that of R-Drop (Liang et al., NeurIPS 2021, arXiv 2106.14448).

    Args:
        weight: Factor of this loss beside the one on the labels.
        shift: Maximum move along either axis, in pixels of the network's input.
        padding: How a picture is extended beyond its frame: `reflect`, `replicate`, `circular` or `zero`.

    Raises:
        ValueError: If the weight or the shift is out of range.
        UserError: If the padding is unknown.
    """

    name, label_weight = "consistency", 1.0

    def __init__(self, weight: float = 1.0, shift: int = 8, padding: str = "reflect") -> None:
        self.weight, self.shift = check_positive("weight", weight), check_int("shift", shift, 1)
        self.padding = known_padding(padding)

    def prepare(self, classifier: Classifier) -> None:
        """Do nothing: this loss keeps nothing."""

    def __call__(self, classifier: Classifier, images: Tensor, logits: Tensor) -> Tensor:
        """Return the mean divergence of a batch; see `Loss`."""
        moves = random_offsets(len(images), self.shift, images.device)
        return symmetric_divergence(logits, classifier(shifted(images, moves, self.padding)))


def symmetric_divergence(one: Tensor, other: Tensor) -> Tensor:
    """Half the sum of both Kullback-Leibler divergences of two predictions, averaged over the batch.

    Args:
        one: Logits `(N, K)`, any float type; computed in float32.
        other: Logits `(N, K)`.

    Returns:
        A scalar in nats; at least 0, and 0 where the predictions are the same.
    """
    logs = one.float().log_softmax(-1), other.float().log_softmax(-1)
    return 0.5 * ((logs[0].exp() - logs[1].exp()) * (logs[0] - logs[1])).sum(-1).mean()
