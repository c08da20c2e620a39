import json
import os

import numpy as np
import pytest

from lit_invariance.errors import UserError
from lit_invariance.evaluation.results import write_results
from lit_invariance.results.outcomes import Answers, Outcomes
from lit_invariance.results.reading import read_folder, read_results

PICTURE = {"protocol": "crop", "index": 0, "name": "", "file": "a", "size": [8, 9], "window": [8, 8]}
PICTURE |= {"views": [0, 1], "places": [[0, 0], [0, 1]], "worst": [0, 1]}


def written(results, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    return path


def outcomes_of(results, images=3):
    """Outcomes of three images that belong to the results."""
    results["images"] = images
    columns = {(row["model"], row["protocol"], row["score"]): np.linspace(0, 1, images) for row in results["rows"]}
    answers = {}
    for model in results["models"]:
        for protocol in results["protocols"]:
            views = np.zeros((images, len(protocol["steps"])))
            answers[model["name"], protocol["label"]] = Answers(
                views.astype(np.int32), views.astype(np.float32), views.astype(np.float32)
            )
    return Outcomes(np.arange(images), np.zeros(images, np.int64), columns, answers)


def test_read_back(results, tmp_path):
    results["pictures"] = [PICTURE]
    assert read_results(written(results, tmp_path)) == results


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read as a results file"),
        ("{cut", "cannot be read as a results file"),
        ("[" * 100_000, "cannot be read as a results file"),
        ("[]", "cannot be read as a results file"),
        ('{"schema": 99}', "has schema 99, this version reads 3; evaluate again"),
        ('{"schema": 3}', "is not a complete results file: command: field required"),
    ],
)
def test_refused(tmp_path, text, message):
    path = tmp_path / "results.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_results(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_are_not_waited_for(results, tmp_path):
    os.mkfifo(tmp_path / "results.json")
    with pytest.raises(UserError, match="cannot be read"):
        read_results(tmp_path / "results.json")
    os.unlink(tmp_path / "results.json")
    written(results, tmp_path)
    os.mkfifo(tmp_path / "outcomes.npz")
    with pytest.raises(UserError, match="there is no .*outcomes.npz"):
        read_folder(tmp_path)


def change(path, value):
    def apply(results):
        *parents, last = path
        for key in parents:
            results = results[key]
        results[last] = value

    return apply


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change(["rows", 3, "mean"], "0.5"), "rows.3.mean: input should be a valid number"),
        (change(["rows", 3, "mean"], 1e300), "rows.3.mean: input should be less than or equal to"),
        (change(["models"], []), "models: list should have at least 1 item"),
        (change(["protocols", 1, "steps"], []), "protocols.1.steps: list should have at least 1 item"),
        (change(["level"], 95), "level: input should be less than 1"),
        (change(["diagnostics"], {"size": {"a": []}}), "diagnostics.size.a: input should be an object"),
        (change(["reference"], "nobody"), "the reference nobody is none of its models"),
        (change(["rows", 3, "model"], "nobody"), "a row is of nobody"),
        (lambda results: results["rows"].pop(), "the row of a_very_long_name.* is missing"),
        (lambda results: results["rows"].append(results["rows"][0]), "rows lists .* twice"),
        (lambda results: results["models"].append(results["models"][0]), "models lists baseline twice"),
        (change(["groups"], [{"name": "g", "members": ["x"], "seeds": [1]}]), "members of group g are not among"),
        (change(["group_rows"], [dict.fromkeys(["mean", "seed_deviation", "low", "high"])
                                 | {"group": "g", "protocol": "crop", "score": "accuracy"}]), "groups disagree in g"),
        (change(["pictures"], [PICTURE | {"views": [1, 2]}]), "a picture of image 0 shows views that crop does not"),
        (change(["pictures"], [PICTURE | {"protocol": "x"}]), "a picture of image 0 shows views that x does not have"),
        (change(["pictures"], [PICTURE | {"worst": [0, 2]}]), "a picture of image 0 lacks views that it names"),
        (change(["pictures"], [PICTURE | {"places": [[0, 0]]}]), "a picture of image 0 lacks views that it names"),
        (change(["pictures"], [PICTURE | {"places": [[0, 0], [0, 2]]}]), "image 0 has views that are not in it"),
        (change(["pictures"], [PICTURE | {"window": [8, 0]}]), "image 0 has views that are not in it"),
        (change(["pictures"], [PICTURE | {"size": [7, 9]}]), "image 0 has views that are not in it"),
    ],
)  # fmt: skip
def test_every_fault_is_a_sentence_that_names_its_place(results, tmp_path, spoil, message):
    spoil(results)
    with pytest.raises(UserError, match=message):
        read_results(written(results, tmp_path))


def test_a_folder_is_read_as_a_pair(results, tmp_path):
    outcomes = outcomes_of(results)
    write_results(results, outcomes, tmp_path)
    read, found = read_folder(tmp_path)
    assert read == results
    np.testing.assert_array_equal(found.matrix(), outcomes.matrix())


def test_two_records_of_two_evaluations(results, tmp_path):
    outcomes = outcomes_of(results)
    write_results(results, outcomes, tmp_path)
    earlier = (tmp_path / "results.json").read_bytes()
    outcomes.columns[next(iter(outcomes.columns))][0] += 0.5
    write_results(results, outcomes, tmp_path)
    read_folder(tmp_path)
    (tmp_path / "results.json").write_bytes(earlier)
    with pytest.raises(
        UserError, match="outcomes.npz and .*results.json are not from the same evaluation; evaluate again"
    ):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change(["images"], 4), "it has 3 rows, not 4"),
        (change(["protocols", 1, "steps"], [0.0, 1.0, 2.0]), "the views of baseline under crop are not those listed"),
        (lambda results: results.update(rows=[row for row in results["rows"] if row["score"] != "agreement"]),
         "agreement stands in one of them only"),
        (change(["pictures"], [PICTURE | {"index": 9}]), "image 9 is in pictures only"),
    ],
)  # fmt: skip
def test_records_that_do_not_fit(results, tmp_path, spoil, message):
    outcomes = outcomes_of(results)
    spoil(results)
    write_results(results, outcomes, tmp_path)
    with pytest.raises(UserError, match=f"does not fit .*{message}"):
        read_folder(tmp_path)


@pytest.mark.parametrize("kept", [0, 100, -30])
def test_outcomes_cut_off(results, tmp_path, kept):
    write_results(results, outcomes_of(results), tmp_path)
    path = tmp_path / "outcomes.npz"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match="outcomes.npz cannot be read, it is cut off or changed"):
        read_folder(tmp_path)


def test_arrays_that_do_not_belong_together(results, tmp_path):
    outcomes = outcomes_of(results)
    broken = Outcomes(outcomes.indices[:2], outcomes.labels, outcomes.columns, outcomes.answers)
    write_results(results, broken, tmp_path)
    with pytest.raises(UserError, match="outcomes.npz cannot be read"):
        read_folder(tmp_path)
