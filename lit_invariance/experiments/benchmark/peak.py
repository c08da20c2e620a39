"""`python -m lit_invariance.experiments.benchmark.peak IMAGES VIEWS MODELS SIZE SMALL`: the memory of an evaluation.

A process of its own, because a process does not forget its peak.
"""

import math
import sys
from pathlib import Path

from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.evaluation.runner import make_trainer, run
from lit_invariance.experiments.benchmark.answer import Scale
from lit_invariance.experiments.benchmark.subjects import models, pictures

KIB = 1024
STATUS = Path("/proc/self/status")


def peak(images: int, views: int, count: int, size: int, small: bool) -> int:
    """Evaluate, and return by how many bytes the process grew at its peak.

    Args:
        images: Number of pictures.
        views: Views of each: one, or a square number of shifts.
        count: Number of models.
        size: Side of the pictures in pixels.
        small: Whether tiny networks take part.
    """
    scale = Scale(small, None, 1)
    data, trainer = pictures(images, scale, size), make_trainer("cpu", 1, "32-true", progress=False)
    shifts = (math.isqrt(views) - 1) // 2
    chosen = choose_protocols([{"shift_grid": {"m": shifts}}] if shifts else ["centre_crop"])
    before = _peak_so_far()
    run(trainer, models(["mobilenet_v2"] * count, scale), chosen, data, 0)
    return _peak_so_far() - before


def _peak_so_far() -> int:
    """From Linux's own record: `resource` counts in the memory of the process that started this one."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * KIB


if __name__ == "__main__":
    images, views, count, size = map(int, sys.argv[1:5])
    print(peak(images, views, count, size, sys.argv[5] == "True"))
