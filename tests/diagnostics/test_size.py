import json

import pytest
import torch

from lit_invariance.data.batch import Batch
from lit_invariance.diagnostics.circular_sweep import CircularSweep
from lit_invariance.diagnostics.size import accuracy_against_size, in_top, measure_size


def test_in_top():
    logits = torch.tensor([[3.0, 2, 1, 0], [0, 1, 2, 3], [1, 3, 2, 0]])
    assert in_top(logits, 0, 2).tolist() == [True, False, False]
    assert in_top(logits, 0, 9).tolist() == [True, True, True]


def test_curve():
    right = torch.tensor([[False, True], [False, True], [True, True], [False, False]])
    result = accuracy_against_size([60, 70], right)
    assert [(point["size"], point["accuracy"]) for point in result["points"]] == [(60, 0.25), (70, 0.75)]
    # Wilson's interval of 1 in 4, with z = 1.959964: (p + z2/8 -+ z sqrt(p q / 4 + z2 / 64)) / (1 + z2 / 4).
    assert result["points"][0]["low"] == pytest.approx(0.04559, abs=1e-5)
    assert result["points"][0]["high"] == pytest.approx(0.69936, abs=1e-5)
    assert result["human"] == [100, 0.85]
    assert json.loads(json.dumps(result)) == result
    with pytest.raises(ValueError, match=r"answers are \(images, 3 sizes\), not \(4, 2\)"):
        accuracy_against_size([1, 2, 3], right)


def test_steps_of_a_protocol_are_measured_one_by_one():
    """Of ten classes, the answer is the brightest row of a picture that moves down: right at one step in all."""
    image = torch.zeros(3, 10, 10)
    image[:, 4] = 1
    batch = Batch([image, image], torch.tensor([4, 6]), torch.tensor([0, 1]))
    moves = CircularSweep(size=10, positions=4)
    result = measure_size(lambda views: views.mean((1, 3)), [batch], moves, top=1)
    assert [point["accuracy"] for point in result["points"]] == [0.5, 0, 0.5, 0]
    assert result["unit"] == "px"
    with pytest.raises(ValueError, match="at least one image"):
        measure_size(lambda views: views.mean((1, 3)), [], moves)


@pytest.mark.parametrize(("classes", "top"), [(5, 1), (6, 5)])
def test_of_five_classes_all_are_among_the_first_five(classes, top):
    batch = Batch([torch.rand(3, 10, 10)], torch.tensor([0]), torch.tensor([0]))
    result = measure_size(lambda views: views.mean((1, 3))[:, :classes], [batch], CircularSweep(size=10, positions=2))
    assert result["top"] == top
