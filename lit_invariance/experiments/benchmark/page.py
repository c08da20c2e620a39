"""The page that a benchmark writes: what was measured, with which hardware, and which targets were met."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version as installed
from pathlib import Path

import torch

from lit_invariance.experiments.benchmark.answer import Answer, Target

LIBRARIES = ("torch", "torchvision", "timm", "pytorch_lightning", "numpy", "pillow")
CPU_INFO = Path("/proc/cpuinfo")
HEAD = """# Performance

Written by `make benchmark`. All figures are of one run on one machine. What is compared takes turns in that run, so
that ratios hold where rates do not: another machine, or another program on this one, changes the rates.
"""


def page(answers: Mapping[str, Answer], command: str, minutes: float) -> str:
    """Write the page in Markdown.

    Args:
        answers: Title to answer.
        command: The command that measured them.
        minutes: How long it took.
    """
    parts = [HEAD, "\n".join(f"* {line}" for line in surroundings(command, minutes))]
    targets = [target for answer in answers.values() for target in answer.targets]
    if targets:
        parts += ["## Targets", table(("what", "wanted", "measured", ""), [_target_row(target) for target in targets])]
    for title, answer in answers.items():
        parts += [f"## {title}", table(answer.columns, answer.rows), *answer.remarks]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def surroundings(command: str, minutes: float) -> list[str]:
    """Say on what and with what was measured."""
    versions = ", ".join(f"{name} {installed(name)}" for name in LIBRARIES)
    gpu = f"; {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return [
        f"hardware: {_processor()}, {torch.get_num_threads()} threads{gpu}",
        f"versions: Python {platform.python_version()}, {versions}",
        f"command: `{command}` ({minutes:.0f} minutes)",
    ]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _target_row(target: Target) -> tuple[str, str, str, str]:
    bound = "at most" if target.at_most else "at least"
    return target.what, f"{bound} {target.wanted:g}", f"{target.measured:.2f}", "met" if target.met else "**missed**"


def _processor() -> str:
    names = [line.split(":", 1)[1].strip() for line in _lines(CPU_INFO) if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []
