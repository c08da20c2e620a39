"""Figures of what small moves of the picture do: the periods of an answer, and the layers that break equivariance."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from lit_invariance.diagnostics.plots import GREY
from lit_invariance.names import shortened
from lit_invariance.plotting import COLOURS, line_style
from lit_invariance.results.diagnoses import Equivariance, Periodicity

KINDS = {"strided": "strided layers", "filter": "filters without a stride", "nonlinear": "activations and such"}


def equivariance_figure(models: Mapping[str, Equivariance]) -> Figure:
    """Draw the local equivariance error of each layer, a panel a model, the kind of layer as colour and marker."""
    figure = Figure(figsize=(7.2, 0.9 + 1.9 * len(models)), layout="constrained")
    panels = figure.subplots(len(models), 1, squeeze=False)[:, 0]
    marks = {}
    for (name, measured), axes in zip(models.items(), panels, strict=True):
        for place, kind in enumerate(KINDS):
            found = [(at, one["error"]) for at, one in enumerate(measured["layers"]) if one["kind"] == kind]
            if found:
                (marks[kind],) = axes.plot(*zip(*found, strict=True), **line_style(place) | {"linestyle": "none"})
        axes.set_ylim(bottom=0)
        axes.set(title=shortened(name), ylabel="error")
    panels[-1].set_xlabel("layer, in the order of the forward pass")
    if marks:
        figure.legend(
            marks.values(), [KINDS[kind] for kind in marks], loc="outside lower center", ncols=3, frameon=False
        )
    return figure


def periodicity_figure(models: Mapping[str, Periodicity]) -> Figure:
    """Draw power against the period; dotted lines at the strides."""
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    for place, (name, measured) in enumerate(models.items()):
        periods = [measured["positions"] / (number + 1) for number in range(len(measured["powers"]))]
        axes.plot(periods, measured["powers"], color=COLOURS[place % len(COLOURS)], label=shortened(name), linewidth=1)
    strides = sorted({peak["stride"] for measured in models.values() for peak in measured["strides"]})
    for stride in strides:
        axes.axvline(stride, color=GREY, linestyle=":", linewidth=0.8, zorder=0)
    axes.set_xscale("log", base=2)
    if any(power > 0 for measured in models.values() for power in measured["powers"]):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xticks(strides, [str(stride) for stride in strides])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="period (px)", ylabel="power", title="ups and downs of the answer's probability")
    axes.legend(frameon=False)
    return figure
