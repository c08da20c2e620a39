from pathlib import Path

import numpy as np
import pytest

from lit_invariance.errors import UserError
from lit_invariance.experiments.cifar10.__main__ import study
from lit_invariance.experiments.cifar10.page import page
from lit_invariance.results.reading import read_folder

ROW = "| `{}` |"


@pytest.mark.filterwarnings("ignore:The number of training batches")  # one batch an epoch
def test_trains_measures_and_writes_what_is_missing(in_folder, write_cifar10, capsys):
    write_cifar10(in_folder)
    given = ["--root", str(in_folder), "--arms", "plain", "content_align", "control", "--seeds", "0", "1"]
    first = study([*given, "--page", "page.md"])
    assert Path("page.md").read_text() == first
    folders = {str(path.relative_to("results/cifar10")) for path in Path("results/cifar10").glob("*/*")}
    names = ("plain_s0", "content_align_s0", "control_s0", "control_s1")
    assert folders == {f"{part}/{name}" for part in ("all", "grid") for name in names}
    assert all(ROW.format(arm) in first for arm in ("plain", "content_align", "control"))
    assert "is estimated from 1 repeated ones" in first
    written = {path: path.stat().st_mtime_ns for path in Path().rglob("*.*")}
    assert study([*given, "--page", "page.md"]) == first
    assert {path: path.stat().st_mtime_ns for path in written} | {Path("page.md"): 0} == written | {Path("page.md"): 0}
    values = [
        read_folder(Path(f"results/cifar10/all/control_s{seed}"))[1].columns[("control", "centre_crop", "accuracy")]
        for seed in (0, 1)
    ]
    accuracy = f"{np.mean(values):.3f}".replace("0.", ".", 1)
    assert f"| `control` | one more epoch, pictures not moved | 2 | {accuracy} [" in page(Path("results/cifar10"))


def test_unknown_arm_is_refused_before_anything_is_trained(in_folder):
    with pytest.raises(UserError, match="unknown arm 'blurpol'; did you mean blurpool"):
        study(["--arms", "blurpol"])
    assert not list(in_folder.iterdir())
