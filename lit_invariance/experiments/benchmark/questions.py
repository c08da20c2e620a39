"""The questions of the benchmark: a new one is a module with a function from `Scale` to `Answer`, and an entry here."""

from lit_invariance.experiments.benchmark.answer import Question
from lit_invariance.experiments.benchmark.blur import blurred_networks
from lit_invariance.experiments.benchmark.evaluation import evaluation_rates
from lit_invariance.experiments.benchmark.executors import executor_rates
from lit_invariance.experiments.benchmark.memory import memory
from lit_invariance.experiments.benchmark.start_up import start_up
from lit_invariance.experiments.benchmark.training import training_steps

QUESTIONS: dict[str, Question] = {
    "evaluation": Question("Evaluation", evaluation_rates),
    "executors": Question("Executors", executor_rates),
    "start_up": Question("Start-up", start_up),
    "memory": Question("Memory", memory),
    "training": Question("Training", training_steps),
    "blur": Question("Anti-aliased networks", blurred_networks),
}
"""Short name to question, in the order of the page."""
