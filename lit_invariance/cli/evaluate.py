"""The evaluation command."""

import signal
import sys
from collections.abc import Sequence

from lit_invariance.cli.options import parse
from lit_invariance.cli.signals import Stopped, command_line, stop_requests, stops_at_once


def evaluate(args: Sequence[str] | None = None) -> None:
    """Evaluate as `python evaluate.py` does.

    Args:
        args: Command-line arguments; None takes the process's own.

    Raises:
        UserError: If the user must fix something.
        SystemExit: With code 1 if a bound is broken, 2 after a bad argument, 0 after `--help`, 128 + its number after
            SIGINT or SIGTERM.
    """
    args = sys.argv[1:] if args is None else list(args)
    given = parse(args)
    with stops_at_once():
        try:
            # Only now, so that --help and mistakes in the command line are answered at once; a signal waits meanwhile,
            # because an import that is broken off leaves libraries half made.
            with stop_requests() as request:
                from lit_invariance.cli.comparison import answer
            request.check()
            answer(given, args)
        except Stopped as stopped:
            from pytorch_lightning.utilities import rank_zero_only

            if not rank_zero_only.rank:  # type: ignore[attr-defined]  # set by Lightning
                name = signal.Signals(stopped.number).name
                sys.stderr.write(f"\nstopped by {name}; resume with: {command_line('evaluate.py', args)}\n")
            raise
