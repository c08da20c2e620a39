"""How long it takes from the command to the first view, to the results, the report and the table."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lit_invariance.experiments.benchmark.answer import Answer, Scale
from lit_invariance.experiments.benchmark.subjects import PICTURES, WEIGHTS

MOMENTS = "lit_invariance.experiments.benchmark.moments"
IMAGES = 100


def start_up(scale: Scale) -> Answer:
    """Run the command on 100 pictures, in a process of its own.

    Args:
        scale: How much is measured.
    """
    models, data, images = ["a=tiny_resnet@none"], ["--data.dataset", "shapes", "--data.image_size", "32"], 4
    if not scale.small:
        images = IMAGES
        if scale.data is not None and (scale.data / PICTURES).is_dir():
            models = [f"a=torchvision/mobilenet_v2@{scale.data / 'weights' / WEIGHTS['mobilenet_v2']}"]
            data = ["--data.root", str(scale.data / PICTURES)]
    common = ["--protocols", "crop", "--max_images", str(images), "--accelerator", "cpu", "--progress", "false"]
    spent = [_moments(["--models", *models, *data, *common]) for _ in range(1 if scale.small else 3)]
    middle = sorted(spent, key=lambda moments: moments[-1])[len(spent) // 2]
    names = ("first view", "results", "report", "table, the end")
    rows = [[name, f"{moment:.1f} s"] for name, moment in zip(names, middle, strict=True)]
    remark = (
        f"Seconds since the command, {images} pictures, `crop`, one model, costs measured; the median of {len(spent)}."
    )
    return Answer(("moment", "after"), rows, (), [remark])


def _moments(arguments: list[str]) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", MOMENTS, *arguments, "--output", str(Path(folder) / "results")]
        start = time.time()
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [float(moment) - start for moment in printed.splitlines()[-1].split()]
