"""The checks: a new one is a module with a function from `Setting` to `Answer`, and an entry here."""

from collections.abc import Callable

from lit_invariance.experiments.benchmark.answer import Answer
from lit_invariance.experiments.gpu.blur import blur_against_copy
from lit_invariance.experiments.gpu.evaluation import evaluation_rates
from lit_invariance.experiments.gpu.exactness import same_answers
from lit_invariance.experiments.gpu.marked_tests import marked_tests
from lit_invariance.experiments.gpu.networks import network_rates
from lit_invariance.experiments.gpu.setting import Setting

CHECKS: dict[str, tuple[str, Callable[[Setting], Answer]]] = {
    "exactness": ("Float32 on the device against the CPU", same_answers),
    "tests": ("Tests marked gpu", marked_tests),
    "blur": ("The blur against a copy", blur_against_copy),
    "evaluation": ("Evaluation against the network alone", evaluation_rates),
    "networks": ("Networks: inference and training", network_rates),
}
"""Short name to title and check, in their order: what must hold comes first."""
