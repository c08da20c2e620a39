import xml.etree.ElementTree as ElementTree

import matplotlib
import pytest
from PIL import Image

from lit_invariance.report.plots import save_plots, scores_figure, tradeoff_figure, tradeoff_panel


def test_files(results, tmp_path):
    written = save_plots(results, tmp_path)
    assert sorted(written) == sorted(tmp_path.iterdir())
    stems = ["scores_centre_crop", "scores_crop", "scores_embed_black", "scores_scale_black_min_side_80"]
    assert [path.stem for path in written[::2]] == [*stems, "accuracy_against_top1_change"]
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert min(image.size) > 250
        else:
            text = "".join(ElementTree.parse(path).getroot().itertext())
            assert "baseline" in text
            assert "95% intervals" in text


def test_equal_results_make_equal_files(results, tmp_path):
    results["protocols"] = results["protocols"][1:2]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        save_plots(results, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_scores_are_drawn_where_they_belong(results):
    figure = scores_figure(results, "embed_black")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["accuracy", "top1 change", "mean absolute change", "agreement"]
    change = figure.axes[1]
    row = next(
        row
        for row in results["rows"]
        if row["model"] == "aug_resnet50" and row["protocol"] == "embed_black" and row["score"] == "top1_change"
    )
    container = change.containers[2]
    assert container.lines[0].get_xdata() == pytest.approx([row["mean"]])
    (bar,) = container.lines[2]
    assert bar.get_segments()[0][:, 0] == pytest.approx([row["low"], row["high"]])
    assert change.get_xlabel() == "share (lower is better)"
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][:2] == ["baseline", "aa_resnet50"]


def test_tradeoff_has_a_panel_for_each_protocol_with_neighbours(results):
    figure = tradeoff_figure(results)
    assert [axes.get_title() for axes in figure.axes] == ["crop", "embed_black", "scale_black(min_side=80)"]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [model["name"] for model in results["models"]]


def test_a_model_at_chance_is_hollow(results):
    results["at_chance"] = {"crop": ["aa_resnet50"], "embed_black": ["baseline"]}
    axes = tradeoff_panel(results, "crop").axes[0]
    filled = [container[0].get_markerfacecolor() != "none" for container in axes.containers]
    assert filled == [True, False, True, True]


def test_style_of_the_caller_is_left_alone(results, tmp_path):
    results["protocols"] = results["protocols"][:1]
    before = dict(matplotlib.rcParams)
    save_plots(results, tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_only_accuracy_makes_no_tradeoff(results, tmp_path):
    results["protocols"] = results["protocols"][:1]
    assert [path.name for path in save_plots(results, tmp_path)] == ["scores_centre_crop.png", "scores_centre_crop.svg"]
