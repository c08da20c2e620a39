"""The commands, and what they have in common: memory set up first, a user's mistake told in one sentence."""

import sys
from collections.abc import Callable
from typing import Any

from lit_invariance.allocator import keep_freed_memory
from lit_invariance.errors import UserError


def run_command(command: Callable[[], Any]) -> None:
    """Run a command; a user's mistake is told in one sentence, with exit code 2.

    Args:
        command: What raises `UserError` if the user must mend something.
    """
    try:
        command()
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)


def train_command() -> None:
    """Run `train.py`; exits with code 2 and one sentence after a user's mistake."""
    keep_freed_memory()
    from lit_invariance.training import train

    run_command(train)


def evaluate_command() -> None:
    """Run `evaluate.py`; exits with code 2 and one sentence after a user's mistake."""
    keep_freed_memory()
    from lit_invariance.evaluation.command import evaluate

    run_command(evaluate)
