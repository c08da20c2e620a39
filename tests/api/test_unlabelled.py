"""An evaluation without labels: every score that needs none, and nothing that would need one."""

import json
import re

import numpy as np
import pytest
from PIL import Image

import lit_invariance as li
from lit_invariance.metrics import SCORES
from lit_invariance.report.table import WITHOUT_LABELS

LABELLED = {name for name, score in SCORES.items() if score.labelled}


@pytest.fixture
def photos(tmp_path):
    pixels = np.random.default_rng(0)
    for number in range(9):
        path = tmp_path / f"class{number % 3}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.integers(0, 256, (30, 30 + number, 3), dtype=np.uint8)).save(path)
    return tmp_path


def evaluated(kind, photos, models, quick, protocols=("centre_crop", "crop", "diagonal", "shift_grid")):
    data = li.InvarianceData(kind, root=str(photos), val_fraction=1.0, image_size=16, num_workers=0)
    return li.evaluate(models, data, list(protocols), **quick)


@pytest.fixture
def both(photos, small_net, quick):
    models = {"one": small_net(), "other": small_net(seed=1)}
    return tuple(evaluated(kind, photos, models, quick) for kind in ("unlabelled", "image_folder"))


def test_the_scores_that_need_no_label_are_those_of_labelled_pictures(both):
    without, labelled = both
    kept = {column: values for column, values in labelled.outcomes.columns.items() if column[2] not in LABELLED}
    assert without.outcomes.columns.keys() == kept.keys()
    assert {score for _, _, score in kept} == {"top1_change", "mean_absolute_change", "agreement", "all_agree"}
    for column, values in kept.items():
        np.testing.assert_array_equal(without.outcomes.columns[column], values)
    for cell, answers in without.outcomes.answers.items():
        np.testing.assert_array_equal(answers.predictions, labelled.outcomes.answers[cell].predictions)
        assert np.isnan(answers.true_probability).all()


def test_accuracy_is_nowhere_and_the_tables_say_so(both, tmp_path):
    without, _ = both
    assert WITHOUT_LABELS in " ".join(without.table().split())
    assert "accuracy  " not in without.table()
    assert without.content["data"]["labelled"] is False
    assert "at_chance" not in without.content
    assert [entry["label"] for entry in without.content["protocols"]] == ["crop", "diagonal", "shift_grid"]
    saved = without.save(tmp_path / "results")
    assert not [path for path in saved.plots if "accuracy" in path.name]
    content = json.loads((tmp_path / "results" / "results.json").read_text())
    assert not LABELLED & ({row["score"] for row in content["rows"]} | content["scores"].keys())
    page = re.sub("<script>.*?</script>", "", saved.report.read_text(), flags=re.DOTALL)  # which knows both kinds
    assert "so accuracy is not known" in page
    for words in ("is right on", "P(true class)", "true class", "✓", "✗", "at chance", ">accuracy"):
        assert words not in page
    assert "P(answer)" in page
    assert li.Results.load(tmp_path / "results").table() == without.table()


def test_the_worst_pictures_are_confident_changes(both):
    without, _ = both
    entry = next(entry for entry in without.content["pictures"] if entry["protocol"] == "diagonal")
    answers = without.outcomes.answers["one", "diagonal"]
    row = without.outcomes.indices.tolist().index(entry["index"])
    first, second = entry["worst"]
    assert answers.predictions[row, first] != answers.predictions[row, second]
    changed = answers.predictions[:, 1:] != answers.predictions[:, :-1]
    least = np.minimum(answers.top_probability[:, 1:], answers.top_probability[:, :-1])
    assert min(answers.top_probability[row, [first, second]]) == least[changed].max()


def test_answers_bear_the_names_that_the_models_know(photos, save_run, quick):
    path = str(save_run("mine", num_classes=4))
    results = evaluated("unlabelled", photos, {"mine": path}, quick, ["crop"])
    assert (results.content["class_names"], results.content["data"]["classes"]) == (["0", "1", "2", "3"], 4)
    untrained = evaluated("unlabelled", photos, {"net": "tiny_resnet@none"}, quick, ["crop"])
    assert len(untrained.content["class_names"]) == 1000


def test_what_needs_labels_is_refused(photos, small_net, save_run, quick):
    mine = {"mine": small_net()}
    with pytest.raises(li.UserError, match="the pictures have no labels, but centre_crop shows a single view"):
        evaluated("unlabelled", photos, mine, quick, ["centre_crop"])
    with pytest.raises(li.UserError, match="--diagnose size measures accuracy, but the pictures have no labels"):
        evaluated("unlabelled", photos, mine, quick | {"diagnose": ["size"]}, ["crop"])
    models = {"four": str(save_run("four", num_classes=4)), "five": str(save_run("five", num_classes=5))}
    with pytest.raises(li.UserError, match="the models have 4 and 5 outputs, so that their changes of"):
        evaluated("unlabelled", photos, models, quick, ["crop"])
