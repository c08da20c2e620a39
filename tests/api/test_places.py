"""Protocols whose results are told place by place, from pictures to files."""

import json

import numpy as np
import pytest

from lit_invariance.api.evaluate import evaluate
from lit_invariance.api.results import Results
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.results.reading import read_results
from tests.api.conftest import QUICK, SmallNet

OPTIONS = {"preprocessing": ([0.0] * 3, [1.0] * 3)} | QUICK


@pytest.fixture(scope="module")
def told(pictures, tmp_path_factory):
    """Two networks on pictures with files."""
    root = tmp_path_factory.mktemp("told")
    for number, (picture, label) in enumerate(pictures):
        (root / f"photos/{label}").mkdir(parents=True, exist_ok=True)
        picture.save(root / f"photos/{label}/{number}.png")
    protocols = [{"rings": {"m": 1}}, {"preprocessing": {"decoders": ["OpenCV"]}}]
    results = evaluate({"a": SmallNet(0), "b": SmallNet(1)}, root / "photos", protocols, **OPTIONS)
    results.save(root / "results")
    return results, root / "results"


def test_robust_accuracy_at_the_last_radius_is_the_worst_case(told):
    results, folder = told
    content = json.loads((folder / "results.json").read_text())
    rows = {(row["model"], row["score"]): row for row in content["rows"] if row["protocol"] == "rings(m=1)"}
    curves = [entry for entry in content["series"] if entry["protocol"] == "rings(m=1)"]
    assert [entry["model"] for entry in curves] == ["a", "b"]
    for entry in curves:
        row = rows[entry["model"], "worst_case_accuracy"]
        assert [entry[part][-1] for part in ("mean", "low", "high")] == [row[part] for part in ("mean", "low", "high")]
        answers = results.outcomes.answers[entry["model"], "rings(m=1)"].predictions
        assert entry["mean"][0] == np.mean(answers[:, 0] == results.outcomes.labels)


def test_a_lossless_file_has_the_same_answers_behind_both_decoders(told):
    results, _ = told
    (protocol,) = (entry for entry in results.content["protocols"] if entry["name"] == "preprocessing")
    assert len(protocol["steps"]) == 44
    answers = results.outcomes.answers["a", protocol["label"]].predictions
    assert np.array_equal(answers[:, :22], answers[:, 22:])
    scores = {row["score"] for row in results.content["rows"] if row["protocol"] == protocol["label"]}
    assert "agreement" in scores
    assert not {"top1_change", "error_consistency"} & scores


def test_tables_plots_and_page_show_the_places(told):
    results, folder = told
    text = results.table()
    assert "rings(m=1): robust accuracy (share of 9 images)" in text
    assert "kernel OpenCV lanczos4" in text
    assert "a, over all views: from " in text
    assert {"series_rings_m_1__robust_accuracy.png", "series_rings_m_1__robust_accuracy.svg"} <= {
        path.name for path in folder.iterdir()
    }
    page = (folder / "report.html").read_text()
    assert "mean of 43 others" in page
    assert Results.load(folder).table() == text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content["series"].pop(), "the series of .* are not those of its models"),
        (lambda content: content["series"][0]["places"].pop(), "do not go over the same places"),
        (lambda content: content["series"][0].update(protocol="x"), "a series is of x"),
        (lambda content: content["protocols"][0]["view_names"].pop(), "more or fewer names than steps"),
    ],
)
def test_a_changed_file_is_refused(told, change, said, tmp_path):
    content = json.loads((told[1] / "results.json").read_text())
    change(content)
    (tmp_path / "results.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=said):
        read_results(tmp_path / "results.json")


def test_objects_are_scaled_where_boxes_are_known_and_left_out_where_not(pictures):
    shapes = InvarianceData("shapes", image_size=16, max_images=3, num_workers=0)
    models = {"a": SmallNet(classes=10)}
    results = evaluate(models, shapes, ["object_scale"], **OPTIONS)
    assert (results.outcomes.answers["a", "object_scale"].predictions >= 0).all()
    with pytest.raises(UserError, match="object_scale needs the boxes of the objects.*--data.boxes"):
        evaluate(models, pictures, ["crop", "object_scale"], **OPTIONS)


def test_pictures_that_are_no_files_have_the_pipelines_of_pillow(pictures):
    results = evaluate({"a": SmallNet()}, pictures[:2], ["preprocessing"], **OPTIONS)
    answers = results.outcomes.answers["a", "preprocessing"].predictions
    assert answers.shape == (2, 66)
    assert (answers[:, :22] >= 0).all()
    assert (answers[:, 22:] == -1).all()
    accuracy = next(entry for entry in results.content["series"] if entry["measure"] == "accuracy")
    assert accuracy["places"][0] == "reference"
    assert accuracy["places"][-1] == "mean of 21 others"
