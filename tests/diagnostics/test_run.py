import csv
import json
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from lit_invariance.cli.evaluate import evaluate
from lit_invariance.errors import UserError

NETWORKS = ["--models", "small=tiny_resnet@none", "soft=tiny_resnet@none+blurpool"]
SHAPES = ["--data.dataset", "shapes", "--data.image_size", "32", "--data.shapes", "{val_images: 12, train_images: 30}"]
CAUSES = ["shiftability", "aliasing", "periodicity", "equivariance", "typicality", "size", "bias"]
QUICK = ["--accelerator", "cpu", "--progress", "false", "--cost", "false", "--protocols", "crop"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("causes")
    boxes = folder / "boxes.csv"
    with boxes.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"])
        table.writerows([[f"{n}.jpg", 100, 100, "cat", 40, 40, 60, 60] for n in range(40)])
    causes = ["--diagnose", *CAUSES, "--diagnose_boxes", str(boxes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        evaluate([*NETWORKS, *SHAPES, *QUICK, *causes, "--diagnose_images", "4"])
    return folder / "results"


@pytest.fixture(scope="module")
def redrawn(measured):
    """What is printed where the results are shown anew, one drawing having been deleted."""
    (measured / "diagnostics_size.png").unlink()
    with redirect_stdout(StringIO()) as printed:
        evaluate(["--from", str(measured)])
    return printed.getvalue()


def test_every_cause_is_in_the_results(measured):
    causes = json.loads((measured / "results.json").read_text())["diagnostics"]
    assert list(causes) == CAUSES
    for name in CAUSES[:-1]:
        assert list(causes[name]) == ["small", "soft"]
    assert causes["shiftability"]["small"]["images"] == causes["aliasing"]["soft"]["images"] == 4
    assert causes["typicality"]["small"]["images"] == 12
    assert causes["bias"]["non_uniform_position"] == 1
    strided = [entry["operation"] for entry in causes["aliasing"]["small"]["operations"]]
    assert strided != [entry["operation"] for entry in causes["aliasing"]["soft"]["operations"]]


def test_every_cause_is_in_the_report_and_drawn(measured):
    page = (measured / "report.html").read_text()
    titles = (
        "Shiftability",
        "Aliasing",
        "Periodicity",
        "Equivariance of layers",
        "Typicality",
        "Accuracy against size",
    )
    for title in (*titles, "Photographer"):
        assert f"<h3>{title}" in page
    part = page.partition('<section id="diagnostics">')[2].partition("</section>")[0]
    captions = re.findall(r"</svg>\s*<figcaption>([^<]+)</figcaption>", part)
    assert len(captions) == part.count("<svg") > 5
    assert all(caption.endswith(".") for caption in captions)
    drawn = {path.stem for path in measured.glob("diagnostics_*.png")}
    assert drawn >= {
        "diagnostics_shiftability",
        "diagnostics_aliasing",
        "diagnostics_periodicity",
        "diagnostics_equivariance",
        "diagnostics_typicality",
        "diagnostics_size",
        "diagnostics_bias",
    }


def test_redrawn_without_models(measured, redrawn):
    assert (measured / "diagnostics_size.png").is_file()
    assert "report:" in redrawn


def test_findings_are_printed_and_file_names_are_not(measured, redrawn):
    causes = json.loads((measured / "results.json").read_text())["diagnostics"]
    said = " ".join(redrawn.split())
    assert "diagnostics_" not in redrawn
    for name in ("small", "soft"):
        worst = max(causes["aliasing"][name]["operations"], key=lambda entry: entry["aliased"])
        assert f"{name} aliases most at {worst['operation']}, {100 * worst['aliased']:.0f} % of the energy." in said
        last = causes["shiftability"][name]["layers"][-1]
        assert f"at {last['mean']:.0f} % of the moves at the last layer ({last['layer']}, subsampled" in said
        points = causes["size"][name]["points"]
        assert f"{name}: top-5 accuracy {100 * points[0]['accuracy']:.0f} % at {points[0]['size']:g}" in said
    assert "Of 1 classes with enough boxes, 100 % have positions that are not uniform" in said
    assert said.count("rank correlation of change with distance") == 2


@pytest.mark.parametrize(
    ("causes", "message"),
    [
        (["shiftabilty"], "unknown diagnostic 'shiftabilty'; did you mean shiftability"),
        (["bias"], "--diagnose_boxes PATH"),
    ],
)
def test_what_cannot_be_measured_is_told_first(causes, message, in_folder):
    with pytest.raises(UserError, match=message):
        evaluate([*NETWORKS, *SHAPES, *QUICK, "--diagnose", *causes])
    assert not Path("results/results.json").exists()


def test_layers_are_looked_at_without_wrappers(in_folder):
    """A wrapper moves the picture itself, over and above the moves that are measured."""
    models = ["--models", "small=tiny_resnet@none", "mean=tiny_resnet@none+{shift_average: {shifts: 2}}"]
    evaluate([*models, *SHAPES, *QUICK, "--diagnose", "shiftability", "aliasing", "--diagnose_images", "2"])
    for measured in json.loads(Path("results/results.json").read_text())["diagnostics"].values():
        assert measured["mean"] == measured["small"]
