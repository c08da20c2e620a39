"""Measure time and memory, and write the page of it: `python -m lit_invariance.experiments.benchmark`.

It took 12 minutes on two idle cores. It needs the extra `antialiased`; real pictures and weights are looked for in the
folder that `LIT_INVARIANCE_DATA` names.
"""

import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lit_invariance.cli.allocator import keep_freed_memory
from lit_invariance.errors import see_known
from lit_invariance.experiments.benchmark.answer import Answer, Scale
from lit_invariance.experiments.benchmark.page import page, table
from lit_invariance.experiments.benchmark.questions import QUESTIONS
from lit_invariance.files import replacing
from lit_invariance.parser import OneSentenceErrors, run_command

FOLDER = "LIT_INVARIANCE_DATA"


def make_parser() -> OneSentenceErrors:
    """Make the command's parser."""
    parser = OneSentenceErrors(prog="python -m lit_invariance.experiments.benchmark", description="Measure the speed.")
    parser.add_argument("--questions", nargs="+", type=str, default=list(QUESTIONS), help=f"Of {', '.join(QUESTIONS)}.")
    parser.add_argument("--output", type=str | None, help="The page to write; without it the tables are printed only.")
    parser.add_argument("--rounds", type=int, default=4, help="How often each of the compared steps takes its turn.")
    parser.add_argument("--small", type=bool, default=False, help="Go through everything in seconds, to try it.")
    return parser


def benchmark(args: Sequence[str] | None = None) -> None:
    """Measure, print and write.

    Args:
        args: Command-line arguments; None takes the process's own.

    Raises:
        UserError: If a question is unknown.
    """
    settings = make_parser().parse_args(args)
    see_known("question", settings.questions, QUESTIONS)
    keep_freed_memory()
    folder = os.environ.get(FOLDER)
    scale = Scale(settings.small, Path(folder) if folder else None, settings.rounds)
    start, answers = time.perf_counter(), {}
    for name in settings.questions:
        question = QUESTIONS[name]
        answers[question.title] = answered = question.ask(scale)
        print(f"\n{question.title} ({time.perf_counter() - start:.0f} s)\n{_printed(answered)}", flush=True)
    if settings.output is not None:
        words = ["python", "-m", "lit_invariance.experiments.benchmark", *(sys.argv[1:] if args is None else args)]
        text = page(answers, shlex.join(words), (time.perf_counter() - start) / 60)
        with replacing(Path(settings.output)) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _printed(answer: Answer) -> str:
    missed = [f"missed: {target.what} {target.measured:.2f}" for target in answer.targets if not target.met]
    return "\n".join([table(answer.columns, answer.rows), *answer.remarks, *missed])


if __name__ == "__main__":
    run_command(benchmark)
