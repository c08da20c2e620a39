"""The figure of the causal experiment: change and accuracy against the bias of training."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lit_invariance.experiments.bias_cell import CausalResults
from lit_invariance.plotting import COLOURS, line_style

FAINT = 0.3


def causal_figure(results: CausalResults) -> Figure:
    """Draw change and accuracy against the bias of training, inside and outside it; a line joins means over seeds."""
    cells = results["cells"]
    figure = Figure(figsize=(7.6, 5.6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    names = list(dict.fromkeys(cell["settings"]["mitigation"] for cell in cells))
    for line, score in enumerate(("top1_change", "accuracy")):
        for column, where in enumerate(("inside", "outside")):
            axes = panels[line, column]
            for place, name in enumerate(names):
                _line(axes, results, name, place, where, score)
            panels[line, 0].set_ylabel(score.replace("_", " "))
            panels[0, column].set_title(f"{where} the training distribution")
            panels[1, column].set_xlabel("photographer's bias of the training images")
    panels[0, 0].set_ylim(bottom=0)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=max(1, len(labels)), frameon=False)
    return figure


def _line(axes: Axes, results: CausalResults, name: str, place: int, where: str, score: str) -> None:
    by_bias: dict[float, list[float]] = {}
    for cell in results["cells"]:
        if cell["settings"]["mitigation"] == name:
            means = [entry["mean"] for entry in cell["measured"] if (entry["where"], entry["score"]) == (where, score)]
            by_bias.setdefault(cell["settings"]["bias"], []).extend(means)
    biases = sorted(by_bias)
    for bias in biases:
        axes.plot([bias] * len(by_bias[bias]), by_bias[bias], ".", color=COLOURS[place % len(COLOURS)], alpha=FAINT)
    axes.plot(biases, [sum(by_bias[bias]) / len(by_bias[bias]) for bias in biases], label=name, **line_style(place))
