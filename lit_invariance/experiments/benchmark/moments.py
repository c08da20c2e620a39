"""`python -m lit_invariance.experiments.benchmark.moments ARGUMENTS` evaluates as `evaluate.py` does, and says when.

The last line it prints are the moments, in seconds since 1970, at which the first view was ready, the results were
there, the report was written, and the table was printed.
"""

import sys
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from lit_invariance.api import stages
from lit_invariance.api.results import Results
from lit_invariance.cli.evaluate import evaluate
from lit_invariance.evaluation.filling import Filling

MOMENTS: dict[str, float] = {}


def main(args: Sequence[str]) -> None:
    """Run the command with the moments noted.

    Args:
        args: The arguments of `evaluate.py`.
    """
    for owner, name, moment in (
        (Filling, "show", "view"),
        (stages, "compile_results", "results"),
        (Results, "_draw", "report"),
        (Results, "table", "table"),
    ):
        setattr(owner, name, _noting(moment, getattr(owner, name)))
    evaluate(args)
    print(*(f"{MOMENTS[moment]:.3f}" for moment in ("view", "results", "report", "table")))


def _noting(moment: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function so that the end of its first call is noted."""

    @wraps(function)
    def noted(*args: Any, **options: Any) -> Any:
        result = function(*args, **options)
        MOMENTS.setdefault(moment, time.time())
        return result

    return noted


if __name__ == "__main__":
    main(sys.argv[1:])
