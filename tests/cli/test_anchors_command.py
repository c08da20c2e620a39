from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lit_invariance.api.results import Results
from lit_invariance.cli.evaluate import evaluate
from lit_invariance.cli.gate import check_bounds_of
from lit_invariance.errors import UserError
from lit_invariance.report.bounds import Bound
from lit_invariance.results.outcomes import load_outcomes
from lit_invariance.results.reading import read_results

QUICK = ["--accelerator", "cpu", "--progress", "false", "--cost", "false"]
ANCHORS = ["--video", "films", "--anchors", "anchors.csv", "--anchor_reach", "2"]


@pytest.fixture
def films(in_folder, save_run):
    save_run("plain")
    random = np.random.default_rng(0)
    for film in ("a", "b"):
        Path("films", film).mkdir(parents=True)
        for number in range(8):
            pixels = random.integers(0, 256, (18, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(f"films/{film}/{number}.png")
    Path("anchors.csv").write_text("film,frame,label\na,3,low\nb,1,low|high\nb,6,high\na,5,low\n")
    Path("classes.csv").write_text("class,outputs\nlow,0-4\nhigh,5-9\n")


def test_what_is_printed_and_written(films, capsys):
    models = ["--models", "plain=checkpoints/plain/best.ckpt", "late=checkpoints/plain/best.ckpt+temporal_average"]
    classes = ["--anchor_classes", "classes.csv", "--max_images", "3", "--fail_below", "vid_robust.pm0=0"]
    evaluate([*QUICK, *ANCHORS, *models, *classes])
    printed = capsys.readouterr().out
    assert "vid_robust(k=2): 5 views of each of 3 anchors" in printed
    assert "bootstrap over anchors; of pm0, pm_k, gap: Clopper-Pearson" in printed
    assert "temporal_average answers late, in frames on average: late by 4" in printed
    results = read_results(Path("results/results.json"))
    assert results["clopper_pearson"] == ["pm0", "pm_k", "gap"]
    assert (results["images"], results["samples"]) == (3, "anchors")
    assert (results["data"]["classes"], results["class_names"]) == (2, ["low", "high"])
    (entry,) = results["protocols"]
    assert entry["options"] == {"k": 2}
    assert entry["steps"] == [-2, -1, 0, 1, 2]
    assert [model.get("delay") for model in results["models"]] == [None, 4]
    outcomes = load_outcomes(Path("results/outcomes.npz"))
    assert (outcomes.answers["plain", entry["label"]].predictions[1] < 0).tolist() == [True, *[False] * 4]
    page = Path("results/report.html").read_text()
    for shown in ("pm_k", "those of pm0, pm_k, gap", "late by 4", "anchors answered correctly at the anchor"):
        assert shown in page
    shown = Results.load("results")
    assert shown.table() == printed[: printed.index("\n\nresults:")]
    check_bounds_of([Bound("vid_robust", "gap", 1, True)], shown.content)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--anchors", "anchors.csv"], "--anchors are frames of films; name the folder of the films with --video"),
        (["--video", "films", "--anchor_classes", "imagenet_vid"], "name their table with --anchors"),
        ([*ANCHORS, "--video_label", "3"], "--video_label is the class of a film; .* without --anchors"),
        ([*ANCHORS, "--anchor_classes", "imagenet_vid"], "names output 914, but the models have 10 outputs"),
        ([*ANCHORS, "--devices", "2"], "a film is evaluated on one device"),
        ([*ANCHORS, "--fail_above", "vid_robust.agreement=1"], "agreement is not measured under vid_robust"),
        (["--protocols", "vid_robust"], "vid_robust is measured by options of its own: --video FOLDER --anchors"),
        (
            ["--models", "m=tiny_resnet@none+temporal_average", "--data.dataset", "shapes"],
            "model m averages its answers",
        ),
    ],
)
def test_refused(films, arguments, message):
    with pytest.raises(UserError, match=message):
        evaluate([*QUICK, *arguments])
    assert not Path("results").exists()
