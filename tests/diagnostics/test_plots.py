import matplotlib
import numpy as np
import pytest
import torch

from lit_invariance.data.annotated_boxes import AnnotatedBox
from lit_invariance.diagnostics.bias import measure_bias
from lit_invariance.diagnostics.plots import (
    aliasing_figure,
    bias_figure,
    feature_map_figure,
    response_figure,
    shiftability_figure,
    size_figure,
    typicality_figure,
)
from lit_invariance.diagnostics.size import accuracy_against_size
from lit_invariance.diagnostics.typicality import relate_typicality
from lit_invariance.experiments.bias_figure import causal_figure
from lit_invariance.plotting import save_figure


def layer(name, factor, mean, spread):
    return {"layer": name, "factor": factor, "mean": mean, "spread": spread}


SHIFTABILITY = {
    "unit": "px",
    "steps": [0.0, 1.0, 2.0],
    "threshold": 0.2,
    "layers": [layer("a", 2.0, 1.0, 0.5), layer("b", 2.0, 2.0, 0.7), layer("c", 4.0, 9.0, 3.0)],
    "curves": [
        {"layer": "b", "factor": 2.0, "map": 5, "steps": [0.0, 1.0, 2.0], "responses": [1.0, 2.0, 3.0]},
        {"layer": "c", "factor": 4.0, "map": 1, "steps": [0.0, 1.0, 2.0], "responses": [0.0, 0.0, 0.0]},
    ],
}


def test_shiftability_joins_the_last_layer_of_each_factor(tmp_path):
    figure = shiftability_figure({"net": SHIFTABILITY, "other": SHIFTABILITY})
    (axes,) = figure.axes
    assert axes.lines[0].get_xydata().tolist() == [[2, 1], [2, 2], [4, 9]]
    assert axes.containers[0].lines[0].get_xydata().tolist() == [[2, 2], [4, 9]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["net", "other"]
    before = dict(matplotlib.rcParams)
    assert [path.exists() for path in save_figure(lambda: figure, tmp_path / "shiftability")] == [True, True]
    assert dict(matplotlib.rcParams) == before


def test_responses_are_shown_over_their_mean():
    figure = response_figure(SHIFTABILITY)
    assert [axes.lines[0].get_ydata().tolist() for axes in figure.axes] == [[0.5, 1, 1.5], [1, 1, 1]]
    assert figure.axes[0].get_title() == "b, map 5\nsubsampled by 2"


def test_feature_maps_share_one_scale():
    shown = {"layer": "a", "map": 3, "unit": "px", "steps": [0.0, 2.0], "responses": [1.0, 9.0]}
    figure = feature_map_figure(shown | {"values": [[[0.0, 1.0]], [[4.0, 5.0]]]})
    assert [axes.images[0].get_clim() for axes in figure.axes] == [(0, 5), (0, 5)]
    assert figure.axes[1].get_title() == "move 2 px\ntotal response 9"


def test_aliasing_has_a_bar_for_each_operation():
    operation = {"operation": "conv1", "stride": [2, 2], "factor": 4.0, "aliased": 0.25}
    figure = aliasing_figure({"plain": {"operations": [operation, operation]}, "aa": {"operations": [operation]}})
    assert [[bar.get_width() for bar in axes.patches] for axes in figure.axes] == [[25, 25], [25]]
    assert figure.axes[0].get_yticklabels()[0].get_text() == "conv1 (÷8)"


def test_bias():
    boxes = [AnnotatedBox(str(n), "dog", 100, 100, (n, 0, n + 10, 50)) for n in range(10)]
    measured = measure_bias(boxes)
    figure = bias_figure(measured)
    assert [bar.get_height() for bar in figure.axes[0].patches] == measured["histograms"]["x"]
    assert bias_figure(measured, "dog").get_suptitle() == "dog, 10 objects"
    with pytest.raises(ValueError, match="no class cat"):
        bias_figure(measured, "cat")


def test_typicality():
    measured = relate_typicality(np.arange(20.0), np.arange(20) / 20, distance="LPIPS", neighbours=10)
    axes = typicality_figure({"net": measured}).axes[0]
    expected = [[part["distance"], part["change"]] for part in measured["bins"]]
    np.testing.assert_allclose(axes.containers[0].lines[0].get_xydata(), expected)
    assert axes.get_legend().get_texts()[0].get_text() == "net, rank correlation +1.00"
    assert axes.get_xlabel() == "LPIPS to the 10 nearest training images"


def test_size():
    measured = accuracy_against_size([60.0, 100.0], torch.tensor([[True, False]] * 4))
    axes = size_figure({"net": measured}).axes[0]
    assert axes.containers[0].lines[0].get_xydata().tolist() == [[60, 1], [100, 0]]
    assert axes.lines[-1].get_xydata().tolist() == [[100, 0.85]]


def test_causal_lines_are_means_over_seeds():
    def cell(bias, seed, value):
        measured = [
            {"where": where, "score": score, "mean": value}
            for where in ("inside", "outside")
            for score in ("accuracy", "top1_change")
        ]
        return {"settings": {"bias": bias, "mitigation": "plain", "seed": seed}, "measured": measured}

    figure = causal_figure({"cells": [cell(0.9, 0, 0.2), cell(0.9, 1, 0.4), cell(0.0, 0, 0.1)]})
    assert len(figure.axes) == 4
    np.testing.assert_allclose(figure.axes[0].lines[-1].get_xydata(), [[0, 0.1], [0.9, 0.3]])
    assert figure.axes[1].get_title() == "outside the training distribution"
