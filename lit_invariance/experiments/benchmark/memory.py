"""How much memory an evaluation takes, against what is evaluated."""

import subprocess
import sys
from typing import NamedTuple

from lit_invariance.experiments.benchmark.answer import Answer, Scale, Target

MIB = 2**20
PEAK = "lit_invariance.experiments.benchmark.peak"


class Case(NamedTuple):
    """What is evaluated."""

    images: int = 16
    views: int = 9
    models: int = 1
    size: int = 256


BASE = Case()
LARGER = {
    "images": Case(images=64),
    "views": Case(views=49),
    "models": Case(models=4),
    "size": Case(size=1024),
}


def memory(scale: Scale) -> Answer:
    """Measure the peak of processes of their own.

    Args:
        scale: How much is measured.
    """
    base = _peak(BASE if not scale.small else Case(4, 1, 1, 32), scale)
    rows, targets = [[*map(str, BASE), f"{base / MIB:.0f} MiB", "1.00"]], []
    for name, case in {} if scale.small else LARGER.items():
        ratio = _peak(case, scale) / base
        grown = getattr(case, name) / getattr(BASE, name)
        rows.append([*map(str, case), f"{ratio * base / MIB:.0f} MiB", f"{ratio:.2f}"])
        wanted = {"images": 1.1, "models": grown - 0.5, "views": grown, "size": grown**2}[name]
        targets.append(Target(f"memory with {grown:g} times the {name}, against without", wanted, ratio, at_most=True))
    columns = ("pictures", "views", "models", "side of a picture", "peak beyond the libraries", "times the first")
    return Answer(columns, rows, targets, ["MobileNetV2 at 224, not compiled; each case in a process of its own."])


def _peak(case: Case, scale: Scale) -> int:
    command = [sys.executable, "-m", PEAK, *map(str, case), str(scale.small)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(printed.split()[-1])
