"""The commands: memory is set up first, and a user's mistake is reported in one sentence."""

import signal
import sys
from collections.abc import Sequence
from functools import partial

from lit_invariance.cli.allocator import keep_freed_memory
from lit_invariance.cli.dead_process import dead_processes_told
from lit_invariance.cli.signals import stop_requests
from lit_invariance.parser import run_command


def train_command() -> None:
    """Run `train.py`; exits with code 2 and one sentence after a user's mistake."""
    keep_freed_memory()
    with stop_requests() as request:  # an import that a signal breaks off ends in a library's traceback
        from lit_invariance.cli.train import train
    if request.number is not None:
        sys.stderr.write(f"\nstopped by {signal.Signals(request.number).name} before the training began.\n")
        request.check()
    with dead_processes_told("add --ckpt_path auto to go on from its last checkpoint"):
        run_command(train)


def evaluate_command() -> None:
    """Run `evaluate.py`; exits with code 2 and one sentence after a user's mistake."""
    keep_freed_memory()
    from lit_invariance.cli.evaluate import evaluate

    with dead_processes_told("the same command goes on from what was measured"):
        run_command(evaluate)


def export_command(args: Sequence[str]) -> None:
    """Run `python -m lit_invariance export`; exits with code 2 and one sentence after a user's mistake.

    Args:
        args: Command-line arguments behind `export`.
    """
    keep_freed_memory()
    from lit_invariance.cli.export import export

    run_command(partial(export, args))
