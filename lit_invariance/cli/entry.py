"""The two commands: memory set up first, a user's mistake told in one sentence."""

from lit_invariance.cli.allocator import keep_freed_memory
from lit_invariance.parser import run_command


def train_command() -> None:
    """Run `train.py`; exits with code 2 and one sentence after a user's mistake."""
    keep_freed_memory()
    from lit_invariance.cli.train import train

    run_command(train)


def evaluate_command() -> None:
    """Run `evaluate.py`; exits with code 2 and one sentence after a user's mistake."""
    keep_freed_memory()
    from lit_invariance.cli.evaluate import evaluate

    run_command(evaluate)
