import pytest
from matplotlib.figure import Figure

from lit_invariance.plotting import drawn, save_figure

NAMES = ["Ba$$in", "$\\frac{1}$", "漢字", "<b>bold</b>", "x" * 300, "a\nb"]


def titled(name):
    figure = Figure(figsize=(3, 2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], label=name)
    axes.set(title=name, xlabel=name)
    axes.legend()
    return figure


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_drawn(tmp_path, name):
    png, svg = save_figure(lambda: titled(name), tmp_path / "figure")
    assert png.read_bytes().startswith(b"\x89PNG")
    if name == "Ba$$in":
        assert "Ba$$in" in svg.read_text()


def broken():
    raise ZeroDivisionError("no axes\nat all")


def test_a_figure_that_fails_is_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="the figure one could not be drawn .ZeroDivisionError: no axes at all.;"):
        assert save_figure(broken, tmp_path / "one") == []
    assert list(tmp_path.iterdir()) == []
    with pytest.warns(UserWarning, match="words could not be drawn"):
        assert drawn("words", lambda: Figure(figsize=(1e6, 1e6), dpi=1e6).savefig("never.png")) is None


def test_equal_figures_make_equal_files(tmp_path):
    first = [file.read_bytes() for file in save_figure(lambda: titled("a"), tmp_path / "figure")]
    assert [file.read_bytes() for file in save_figure(lambda: titled("a"), tmp_path / "figure")] == first
