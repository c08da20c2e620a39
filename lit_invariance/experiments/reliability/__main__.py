"""Inject every kind of fault and print what the program made of it: `python -m lit_invariance.experiments.reliability`.

Under 15 minutes on two cores. Exits with code 1 if anything failed: a traceback, no end, something lost or mixed.
"""

import sys
from collections.abc import Sequence

from lit_invariance.errors import see_known
from lit_invariance.experiments.reliability.injecting import HEAD, inject, line
from lit_invariance.experiments.reliability.kinds import KINDS
from lit_invariance.parser import OneSentenceErrors, run_command


def make_parser() -> OneSentenceErrors:
    """Make the command's parser."""
    parser = OneSentenceErrors(prog="python -m lit_invariance.experiments.reliability", description="Inject faults.")
    parser.add_argument("--kinds", nargs="+", type=str, default=list(KINDS), help=f"Some of {', '.join(KINDS)}.")
    parser.add_argument("--share", type=float, default=1.0, help="Share of the cases, such as 0.01 for a look.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of all draws.")
    parser.add_argument("--processes", type=int, default=2, help="Processes that work side by side.")
    return parser


def reliability(args: Sequence[str] | None = None) -> None:
    """Inject faults and print the table.

    Args:
        args: Command-line arguments; None takes the process's own.

    Raises:
        UserError: If a kind is unknown.
        SystemExit: With code 1 if anything failed.
    """
    settings = make_parser().parse_args(args)
    see_known("kind", settings.kinds, KINDS)
    print(HEAD, flush=True)
    failures: list[str] = []
    for name, tally in inject(settings.kinds, settings.share, settings.seed, settings.processes):
        print(line(name, tally), flush=True)
        failures += [f"{name}: {failure[:400]}" for failure in tally.failures]
    print("\n".join(failures))
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    run_command(reliability)
