"""The questions of the benchmark: a new one is a module with a function from `Scale` to `Answer`, and an entry here."""

from lit_invariance.experiments.benchmark.answer import Question
from lit_invariance.experiments.benchmark.blur import blurred_networks
from lit_invariance.experiments.benchmark.training import training_steps

QUESTIONS: dict[str, Question] = {
    "training": Question("Training", training_steps),
    "blur": Question("Anti-aliased networks", blurred_networks),
}
"""Short name to question, in the order of the page."""
