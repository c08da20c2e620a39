import numpy as np
import pytest
import torch

from lit_invariance.errors import UserError
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.evaluation.runner import make_trainer, run
from lit_invariance.protocols import PROTOCOLS, generator_for
from tests.evaluation.test_measurement import plain_answers


def measured(models, data, draws):
    trainer = make_trainer("cpu", 1, "32-true", progress=False)
    protocols = choose_protocols(["centre_crop", "crop"])
    return run(trainer, models, protocols, EvaluationData.of(data), 5, draws=draws)[0]


def test_scores_are_means_over_draws_and_answers_are_the_first_s(pixel_model, shapes):
    model, data = pixel_model("a", seed=1), shapes(shapes={"val_images": 9})
    one, three = measured([model], data, 1), measured([model], data, 3)
    source = data.validation_images().source
    protocol = PROTOCOLS["crop"](size=16, mean=(0.5,) * 3)
    for index in range(9):
        image, label = source[index]
        drawn = [
            plain_answers(model.classifier, protocol, image, label, generator_for(5, "crop", index, draw))
            for draw in range(3)
        ]
        for score in ("accuracy", "top1_change", "mean_absolute_change"):
            expected = np.mean([scores[score] for scores, *_ in drawn])
            assert three.columns["a", "crop", score][index] == pytest.approx(expected, abs=1e-6)
        assert three.answers["a", "crop"].predictions[index].tolist() == drawn[0][1]
    for score in ("accuracy", "top5_accuracy"):  # nothing is drawn
        np.testing.assert_array_equal(one.columns["a", "centre_crop", score], three.columns["a", "centre_crop", score])
    assert not np.array_equal(one.columns["a", "crop", "accuracy"], three.columns["a", "crop", "accuracy"])


def test_the_first_draw_is_the_only_one_of_old_and_others_differ():
    # As drawn before there were several.
    assert generator_for(0, "crop", 7).initial_seed() == generator_for(0, "crop", 7, 0).initial_seed()
    seeds = {generator_for(0, "crop", 7, draw).initial_seed() for draw in range(20)}
    assert len(seeds) == 20


def test_what_draws_nothing_is_measured_once(pixel_model, shapes):
    model = pixel_model("a")
    shown = []
    for draws in (1, 3):
        model.classifier.calls.clear()
        measured([model], shapes(shapes={"val_images": 4}), draws)
        batches = torch.cat([call for call in model.classifier.calls if len(call) > 1])
        shown.append(int(batches.flatten(1).any(1).sum()))  # what fills up the last batch is black
    assert shown == [4 * (1 + 2), 4 * (1 + 3 * 2)]  # of centre_crop and of crop


def test_a_number_of_draws_below_one(in_folder):
    from lit_invariance.cli.evaluate import evaluate
    from tests.cli.test_evaluate import NEW, QUICK, SHAPES

    with pytest.raises(UserError, match="draws is 0; it must be a whole number, at least 1"):
        evaluate([*NEW, *SHAPES, *QUICK, "--draws", "0"])
