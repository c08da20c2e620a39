import json

import numpy as np
import pytest

from lit_invariance.data.annotated_boxes import AnnotatedBox
from lit_invariance.data.shapes import draw_scene
from lit_invariance.diagnostics.bias import measure_bias

WIDTH, HEIGHT = 50, 40


def whole_boxes(classes, objects, seed, centred=False):
    """Boxes of whole pixels, whose widths, heights and places are drawn from all there are, or near the middle."""
    draw = np.random.default_rng(seed)
    boxes = []
    for number in range(classes * objects):
        width, height = draw.integers(1, WIDTH), draw.integers(1, HEIGHT + 1)
        left, top = draw.integers(0, WIDTH - width + 1), draw.integers(0, HEIGHT - height + 1)
        if centred:
            left, top = (left + (WIDTH - width)) // 3, (top + (HEIGHT - height)) // 3
        edges = tuple(map(float, (left, top, left + width, top + height)))
        boxes.append(AnnotatedBox(str(number), str(number % classes), WIDTH, HEIGHT, edges))
    return boxes


def rate(result, key):
    return np.mean([entry[key] < 0.05 for entry in result["classes"]])


def test_uniform_classes_are_called_non_uniform_at_the_nominal_rate():
    """One class at a time, so that nothing is corrected; 300 of them give a standard error of .013."""
    single = [measure_bias(whole_boxes(1, 25, seed)) for seed in range(300)]
    for key in ("non_uniform_position", "non_uniform_height"):
        assert np.mean([result[key] for result in single]) == pytest.approx(0.05, abs=0.038)


def test_correction_holds_for_all_classes_together():
    """Of twenty data sets of 30 uniform classes, one in twenty may name any class at all; 5 would be 1 in 400."""
    named = [measure_bias(whole_boxes(30, 15, seed))["non_uniform_position"] > 0 for seed in range(20)]
    assert sum(named) <= 4


def test_centred_classes_are_nearly_always_called_non_uniform():
    result = measure_bias(whole_boxes(50, 60, 0, centred=True))
    assert result["non_uniform_position"] > 0.98
    assert result["tested"] == 50
    assert result["non_uniform_height"] < 0.1
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize("bias", [0.0, 0.4, 0.9])
def test_spread_is_the_dial_of_shapes(bias):
    boxes = []
    for index in range(1500):
        scene = draw_scene(index, 64, bias=bias)
        (x, y), radius = scene.centre, scene.radius
        boxes.append(AnnotatedBox(str(index), scene.shape, 64, 64, (x - radius, y - radius, x + radius, y + radius)))
    result = measure_bias(boxes)
    assert result["spread"] == pytest.approx(1 - bias, abs=0.02)
    assert result["non_uniform_position"] == (0 if bias == 0 else 1)
    assert result["non_uniform_height"] == 1  # radii span .12 to .36 of the side, not all heights


def test_largest_object_of_each_image_counts_and_what_lies_outside_does_not():
    boxes = [
        AnnotatedBox("a", "dog", 10, 10, (0, 0, 2, 2)),
        AnnotatedBox("a", "dog", 10, 10, (5, 5, 15, 10)),
        AnnotatedBox("a", "cat", 10, 10, (-4, 0, 4, 10)),
        AnnotatedBox("b", "cat", 10, 10, (12, 0, 14, 10)),
    ]
    result = measure_bias(boxes)
    assert (result["objects"], result["left_out"], result["tested"]) == (2, 1, 0)
    assert result["non_uniform_position"] is None
    cat, dog = result["classes"]
    assert (cat["label"], cat["p_position"], cat["p_height"]) == ("cat", None, None)
    assert dog["histograms"]["x"] == [0] * 15 + [1] + [0] * 4
    assert dog["histograms"]["height"][10] == 1
    assert sum(result["histograms"]["y"]) == 2


def test_objects_without_room_tell_nothing_of_position():
    boxes = [AnnotatedBox(str(n), "wall", 10, 10, (0, 0, 10, 10)) for n in range(30)]
    result = measure_bias(boxes)
    assert result["spread"] is None
    assert result["non_uniform_position"] is None
    assert result["non_uniform_height"] == 1


def test_nothing_to_measure():
    with pytest.raises(ValueError, match="no box has an area"):
        measure_bias([])
