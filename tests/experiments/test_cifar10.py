from pathlib import Path

import numpy as np
import pytest

from lit_invariance.errors import UserError
from lit_invariance.experiments.cifar10.__main__ import study
from lit_invariance.experiments.cifar10.page import COLUMNS, Row, _ranges, page
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
    assert "twice as wide: a rule of thumb, as only 1 were repeated" in first
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


def test_ranges_come_from_the_spread_of_seeds():
    rng = np.random.default_rng(0)
    runs = [rng.normal(0.5, 0.01, (count, len(COLUMNS))) for count in (3, 2)]
    rows = [Row("control", [0, 1, 2], {}, runs[0], {}), Row("blurpool", [0, 1], {}, runs[1], {})]
    by_hand = np.sqrt((runs[0].var(0, ddof=1) * 2 + runs[1].var(0, ddof=1)) / 3)
    reach = 3.182446 * by_hand[0] * np.sqrt(1 + 1 / 2)  # Student's t with 3 degrees of freedom, .975
    text = "\n".join(_ranges(rows))
    mean = runs[1].mean(0)[0]
    assert f"| `blurpool` | {mean - reach:.3f} to {mean + reach:.3f} |".replace("0.", ".") in text
    assert "3 repeated ones gave the deviation" in text
