import numpy as np
import pytest

from lit_invariance.evaluation.group_summary import summarise_groups
from lit_invariance.evaluation.set_statistics import bootstrap_sets, set_columns
from lit_invariance.evaluation.statistics import resample_counts
from lit_invariance.evaluation.summary import summarise
from lit_invariance.results.outcomes import Answers, Outcomes

PROTOCOLS = [
    {"label": "crop", "name": "crop", "options": {}, "unit": "px", "steps": [0.0, 1.0], "headline": ["accuracy"]},
    {"label": "zero_fill", "name": "zero_fill", "options": {}, "unit": "px", "steps": [0.0, 1.0], "headline": []}
    | {"reference": 0},
    {"label": "centre_crop", "name": "centre_crop", "options": {}, "unit": "view", "steps": [0.0], "headline": []},
]
IMAGES = 40


def answers_of(predictions):
    nothing = np.zeros(predictions.shape, np.float32)
    return Answers(predictions.astype(np.int32), nothing, nothing)


@pytest.fixture
def outcomes():
    generator = np.random.default_rng(0)
    labels, columns, answers = generator.integers(0, 3, IMAGES), {}, {}
    for place, model in enumerate(("base", "other")):
        for entry in PROTOCOLS:
            wrong = generator.random((IMAGES, len(entry["steps"]))) < 0.2 + 0.2 * place
            said = np.where(wrong, generator.integers(0, 3, wrong.shape), labels[:, None])
            answers[model, entry["label"]] = answers_of(said)
            columns[model, entry["label"], "accuracy"] = (said == labels[:, None]).mean(1)
    return Outcomes(np.arange(IMAGES), labels, columns, answers)


def kappa(answers):
    observed = np.mean(answers[:, 0] == answers[:, 1])
    chance = sum(np.mean(answers[:, 0] == k) * np.mean(answers[:, 1] == k) for k in range(3))
    return (observed - chance) / (1 - chance)


def loss(answers, labels):
    right = (answers == labels[:, None]).mean(0)
    return 100 * (right[0] - right[1]) / right[0]


def expected(column, outcomes, rows):
    said = outcomes.answers[column.column[:2]].predictions[rows]
    return kappa(said) if column.column[2] == "error_consistency" else loss(said, outcomes.labels[rows])


def test_scores_are_measured_where_they_are_defined(outcomes):
    found = [column.column[1:] for column in set_columns(outcomes, PROTOCOLS, labelled=True)]
    wanted = [("crop", "error_consistency"), ("zero_fill", "error_consistency"), ("zero_fill", "relative_loss")]
    assert found == 2 * wanted
    unlabelled = [column.column[1:] for column in set_columns(outcomes, PROTOCOLS, labelled=False)]
    assert unlabelled == 2 * wanted[:2]


def test_every_resample_is_the_score_of_its_own_images(outcomes):
    columns = set_columns(outcomes, PROTOCOLS, labelled=True)
    found = bootstrap_sets(columns, seed=5, resamples=30)
    counts = np.concatenate(list(resample_counts(IMAGES, 5, 30)))
    for place, column in enumerate(columns):
        assert found.mean[place] == pytest.approx(expected(column, outcomes, np.arange(IMAGES)))
        for row, counted in enumerate(counts):
            rows = np.repeat(np.arange(IMAGES), counted.astype(int))
            assert found.resampled[row, place] == pytest.approx(expected(column, outcomes, rows))


def test_stand_ins_move_as_the_score_does_when_an_image_is_left_out(outcomes):
    """Their mean is the score, and without an image it is the score of the others, but for terms of 1 / N^2."""
    for column in set_columns(outcomes, PROTOCOLS, labelled=True):
        values = column.stand_ins
        assert values.mean() == pytest.approx(column.value)
        unit = 1 if column.column[2] == "error_consistency" else 100
        for image in range(5):
            rows = np.delete(np.arange(IMAGES), image)
            assert values[rows].mean() == pytest.approx(expected(column, outcomes, rows), abs=6 * unit / IMAGES**2)


def test_rows_stand_with_those_of_their_protocol(outcomes):
    of_set = set_columns(outcomes, PROTOCOLS, labelled=True)
    rows = summarise(outcomes, "base", 0, {"crop": ["accuracy"]}, of_set)
    names = [(row["model"], row["protocol"], row["score"]) for row in rows]
    assert names[:3] == [
        ("base", "crop", "accuracy"),
        ("base", "crop", "error_consistency"),
        ("base", "zero_fill", "accuracy"),
    ]
    row = rows[names.index(("other", "crop", "error_consistency"))]
    base = kappa(outcomes.answers["base", "crop"].predictions)
    assert row["mean"] == pytest.approx(kappa(outcomes.answers["other", "crop"].predictions))
    assert row["difference"] == pytest.approx(row["mean"] - base)
    assert row["low"] < row["mean"] < row["high"]
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    assert 0 < row["p"] < 1
    assert row["p_holm"] is None
    group = {"name": "both", "members": ["base", "other"], "seeds": [0, 1]}
    of_group = {
        (one["protocol"], one["score"]): one for one in summarise_groups(outcomes, [group], "base", 0, None, of_set)
    }
    assert of_group["crop", "error_consistency"]["mean"] == pytest.approx((base + row["mean"]) / 2)


def test_constant_and_steady_answers(outcomes):
    """A constant model is undefined; one that never changes has an interval that ends at 1 and has a width."""
    labels = outcomes.labels
    outcomes.answers["base", "crop"] = answers_of(np.zeros((IMAGES, 2)))
    outcomes.answers["other", "crop"] = answers_of(np.stack([labels, labels], 1))
    rows = summarise(outcomes, "base", 0, None, set_columns(outcomes, PROTOCOLS, labelled=True))
    base, other = (row for row in rows if row["protocol"] == "crop" and row["score"] == "error_consistency")
    assert {base[key] for key in ("mean", "low", "high")} == {None}
    assert {other[key] for key in ("difference", "difference_low", "difference_high", "p")} == {None}
    chance = sum(np.mean(labels == k) ** 2 for k in range(3))
    unseen = 1 - 0.025 ** (1 / IMAGES)
    assert (other["mean"], other["high"]) == (pytest.approx(1), pytest.approx(1))
    assert other["low"] == pytest.approx(1 - unseen / (1 - chance))


def test_blocks_of_frames_keep_the_score(outcomes):
    columns = set_columns(outcomes, PROTOCOLS, labelled=True)
    blocks = set_columns(outcomes, PROTOCOLS, labelled=True, block=7)
    for single, block in zip(columns, blocks, strict=True):
        assert len(block.counts) == 5
        assert block.value == pytest.approx(single.value)
        assert block.features.toarray()[0] == pytest.approx(single.features.toarray()[:8].mean(0))


def test_the_interval_covers_kappa():
    """Of 150 sets of 100 images with a kappa of .75, BCa intervals hold it in 95 %, but for what 150 can tell."""
    generator = np.random.default_rng(1)
    held = 0
    for number in range(150):
        first = generator.integers(0, 4, 100)
        second = np.where(generator.random(100) < 0.25, generator.integers(0, 4, 100), first)
        outcomes = Outcomes(np.arange(100), first, {}, {("m", "crop"): answers_of(np.stack([first, second], 1))})
        (column,) = set_columns(outcomes, PROTOCOLS, labelled=False)
        interval = bootstrap_sets([column], number, resamples=299).intervals()
        held += interval.low[0] <= 0.75 <= interval.high[0]
    assert 0.9 < held / 150 < 0.99
