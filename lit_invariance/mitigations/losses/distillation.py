"""Distillation: the changed network learns the answers of the untouched one, averaged over moved pictures."""

import math

import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations.interfaces import Classifier, Classify, check_int, check_positive
from lit_invariance.mitigations.ops.crops import known_padding, random_offsets, shifted
from lit_invariance.models.backbones import create_backbone


class Distillation:
    """Kullback-Leibler divergence of the student's soft answers from those of a steadier teacher.

    The teacher is the network before any surgery, with the weights that the training starts from, frozen and in
    evaluation mode. Its answer t is its mean over `views` moves of the picture, each uniform over the square of
    `2 shift + 1` pixels; the student's answer s is for the unmoved picture. With temperature T the loss is

    `T^2 KL(t || s) = T^2 sum_k t_k (log t_k - log s_k)`, `t = mean_v softmax(z_v / T)`, `s = softmax(z / T)`,

    averaged over the batch (Hinton, Vinyals & Dean, "Distilling the knowledge in a neural network", 2015, arXiv
    1503.02531, section 2: T^2 keeps the size of the gradients comparable with those of labels). The teacher averages
    as `shift_average` does, so the student learns in one pass the stability for which the average needs many. Labels
    are not needed, and few pictures are enough. A step costs `views` more forward passes.

    Args:
        weight: Factor of this loss.
        label_weight: Factor of the loss on the labels; 0 leaves them out.
        temperature: T, above 0.
        views: Number of moves that the teacher averages over; 0 means the unmoved picture only.
        shift: Maximum move along either axis, in pixels of the network's input.
        padding: How a picture is extended beyond its frame: `reflect`, `replicate`, `circular` or `zero`.
        teacher: Weights of the teacher, if they differ from `model.weights`: a file or a published name.

    Raises:
        ValueError: If an option is out of range.
        UserError: If the padding is unknown.
    """

    name = "distillation"

    def __init__(
        self,
        weight: float = 1.0,
        label_weight: float = 0.0,
        temperature: float = 1.0,
        views: int = 2,
        shift: int = 8,
        padding: str = "reflect",
        teacher: str | None = None,
    ) -> None:
        self.weight, self.label_weight = (
            check_positive("weight", weight),
            check_positive("label_weight", label_weight, True),
        )
        self.temperature, self.padding = check_positive("temperature", temperature), known_padding(padding)
        self.views, self.shift, self.weights = check_int("views", views, 0), check_int("shift", shift, 1), teacher
        # No submodule of the classifier, so that neither its checkpoint nor its optimiser knows of the teacher.
        self.teacher: nn.Module | None = None

    def prepare(self, classifier: Classifier) -> None:
        """Build the teacher; a resumed training builds the same one again, because it is not stored.

        Raises:
            UserError: If there are no weights to build it from, or they were made for other classes.
        """
        options = classifier.hparams
        weights = self.weights or options["weights"]
        if weights is None:
            raise UserError(
                "distillation needs a teacher: set model.weights to the weights that training starts from, which are "
                "`default` for those that a python: function loads, or the option `teacher` of distillation to a file "
                "of weights."
            )
        made = create_backbone(options["backbone"], weights, options["num_classes"])
        if made.new_head:
            raise UserError(
                f"the teacher's weights '{weights}' do not have model.num_classes {options['num_classes']} classes, "
                "so there are no answers to learn from; give weights of the same classes."
            )
        teacher = made.network.eval().requires_grad_(False)
        self.teacher = teacher.to(classifier.device, classifier.dtype).to(memory_format=torch.channels_last)  # type: ignore[arg-type]  # Lightning calls it str or dtype

    def __call__(self, classifier: Classifier, images: Tensor, logits: Tensor) -> Tensor:
        """Return the mean divergence of a batch; see `Loss`."""
        teacher = self.teacher
        assert teacher is not None, "prepare() comes before the first step"
        with torch.no_grad():
            answer = self._averaged(lambda moved: teacher(classifier.normalise(moved)), images)
        return divergence(answer, logits, self.temperature)

    @torch.no_grad()
    def classes(self, classifier: Classifier, images: Tensor) -> Tensor:
        """Return the teacher's answers to unmoved pictures, which stand in for labels where there are none.

        Args:
            classifier: The student, which normalises the pictures.
            images: `(N, 3, S, S)`, uint8 or float in [0, 1].

        Returns:
            Class numbers `(N,)`.
        """
        if self.teacher is None:
            self.prepare(classifier)
        assert self.teacher is not None
        answers: Tensor = self.teacher(classifier.normalise(images))
        return answers.argmax(-1)

    def _averaged(self, classify: Classify, images: Tensor) -> Tensor:
        if not self.views:
            return (classify(images).float() / self.temperature).log_softmax(-1)
        total: Tensor | None = None
        for _ in range(self.views):
            moves = random_offsets(len(images), self.shift, images.device)
            answer = (classify(shifted(images, moves, self.padding)).float() / self.temperature).log_softmax(-1)
            total = answer if total is None else torch.logaddexp(total, answer)
        assert total is not None
        return total - math.log(self.views)


def divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """Divergence of a student from soft answers, times the square of the temperature, averaged over the batch.

    Args:
        teacher: Logarithms of the teacher's probabilities at that temperature, `(N, K)`.
        student: Logits, `(N, K)`, any float type; computed in float32.
        temperature: T, above 0.

    Returns:
        A scalar in nats, at least 0.
    """
    answer = (student.float() / temperature).log_softmax(-1)
    return temperature**2 * nn.functional.kl_div(answer, teacher, reduction="batchmean", log_target=True)
