"""Check and measure the program on one CUDA GPU: `python -m lit_invariance.experiments.gpu`.

Begins no further check after 460 s. What fails does not stop the rest; the page says so, and the exit code is 1.
`--dry true` goes through everything on any device in a minute, with networks too small for the figures to mean
anything. Real weights are looked for in the folder that `LIT_INVARIANCE_DATA` names.
"""

import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from lit_invariance.errors import UserError, see_known
from lit_invariance.experiments.benchmark.__main__ import FOLDER
from lit_invariance.experiments.benchmark.answer import Answer
from lit_invariance.experiments.benchmark.page import surroundings, table
from lit_invariance.experiments.gpu.checks import CHECKS
from lit_invariance.experiments.gpu.setting import Setting
from lit_invariance.files import replacing
from lit_invariance.parser import OneSentenceErrors, run_command

SECONDS = 460.0
"""After so long no further check begins."""


def make_parser() -> OneSentenceErrors:
    """Make the command's parser."""
    parser = OneSentenceErrors(prog="python -m lit_invariance.experiments.gpu", description="Check a CUDA GPU.")
    parser.add_argument("--checks", nargs="+", type=str, default=list(CHECKS), help=f"Of {', '.join(CHECKS)}.")
    parser.add_argument("--output", type=str, default="results/gpu.md", help="The page to write.")
    parser.add_argument("--dry", type=bool, default=False, help="Go through everything in the small, on any device.")
    return parser


def check_gpu(args: Sequence[str] | None = None) -> int:
    """Run the checks, print and write.

    Args:
        args: Command-line arguments; None takes the process's own.

    Returns:
        How many checks failed.

    Raises:
        UserError: If a check is unknown, or there is no GPU and `--dry` is not set.
    """
    settings = make_parser().parse_args(args)
    see_known("check", settings.checks, CHECKS)
    if not settings.dry and not torch.cuda.is_available():
        raise UserError("PyTorch finds no CUDA GPU here; run this where there is one, or try it with --dry true.")
    folder = os.environ.get(FOLDER)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    setting = Setting(device, settings.dry, Path(folder) if folder else None)
    start, parts, failures = time.monotonic(), [], 0
    for name in settings.checks:
        title, ask = CHECKS[name]
        text, failed = _asked(ask, setting, time.monotonic() - start)
        failures += failed
        parts.append(f"## {title}\n\n{text}")
        print(f"\n{parts[-1]}\n({time.monotonic() - start:.0f} s so far)", flush=True)
    command = shlex.join(["python", "-m", "lit_invariance.experiments.gpu", *(sys.argv[1:] if args is None else args)])
    _write(Path(settings.output), parts, failures, surroundings(command, (time.monotonic() - start) / 60))
    return failures


def _asked(ask: Callable[[Setting], Answer], setting: Setting, spent: float) -> tuple[str, bool]:
    """The text of a check's result, and whether it failed."""
    if spent > SECONDS:
        return f"**Failed**: not begun, because the checks before it took {spent:.0f} s.", True
    try:
        answer = ask(setting)
    except Exception as error:  # one fault must not hide what the other checks would say
        return f"**Failed**: {type(error).__name__}: {' '.join(str(error).split())[:600]}", True
    missed = [
        f"**Missed**: {each.what}: {each.measured:.3g}, wanted {each.wanted:g}."
        for each in answer.targets
        if not each.met
    ]
    return "\n\n".join([table(answer.columns, answer.rows), *answer.remarks, *missed]), False


def _write(path: Path, parts: Sequence[str], failures: int, heads: Sequence[str]) -> None:
    verdict = "All checks ran." if not failures else f"**{failures} checks failed.**"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        lines = "\n".join(f"* {line}" for line in heads)
        temporary.write_text("\n\n".join(["# One GPU", verdict, lines, *parts]) + "\n", encoding="utf-8")
    print(f"\n{verdict} The page: {path}")


def main() -> None:
    """Run as a command; exits with code 1 if a check failed."""
    sys.exit(1 if check_gpu() else 0)


if __name__ == "__main__":
    run_command(main)
