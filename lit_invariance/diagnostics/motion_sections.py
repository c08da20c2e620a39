"""The report's sections on what small moves of the picture do: periods of the answers, and layers off equivariance."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from lit_invariance.diagnostics.motion_plots import KINDS, equivariance_figure, periodicity_figure
from lit_invariance.diagnostics.sections import Section, SectionFigure

STANDS_OUT = 2.0
"""A peak is told of where its whole interval is higher than so many times its surroundings."""
PERIODS = (
    "Look for peaks on the dotted lines, the strides: the longest one that has a peak is the stride after which most "
    "is lost. Fast ups and downs are on the left. A line without peaks there has no trace of a stride."
)
ERRORS = (
    "A dot for each layer, the first one on the left. Look for the highest: there a small move stops being a move. "
    "A mitigation should bring strided layers down."
)


def periodicity_section(models: Mapping[str, Any]) -> Section:
    """Describe with which strides' periods answers vary; takes the measurements."""
    text = (
        "The picture is moved pixel by pixel, and the probability of the answer goes up and down. A network that keeps "
        "every 8th sample gives the same answer again after 8 pixels: a peak at 8 px points at the layer after which "
        "every 8th is kept. It may show at 4 and 2 px as well. What content and borders change has no such period."
    )
    what = "Power of the answer's probability against the period of its ups and downs; dotted lines are strides."
    figure = SectionFigure("diagnostics_periodicity", partial(periodicity_figure, models), what, PERIODS)
    return Section("Periodicity", text, [figure], [_repeated(*one) for one in models.items()])


def _repeated(name: str, measured: Mapping[str, Any]) -> str:
    said = f"{name}: over {measured['positions']} moves the probability of the answer"
    peaks = [peak for peak in measured["strides"] if peak["height"] is not None]
    if not peaks:
        return f"{said} does not vary."
    said += f" varies by {measured['moving']:.3f} (standard deviation)"
    found = sorted((peak for peak in peaks if peak["low"] > STANDS_OUT), key=lambda peak: -peak["power"])
    if not found:
        return f"{said}; no stride's period stands out."
    told = [f"{one['stride']} px ({one['height']:.1f} [{one['low']:.1f}, {one['high']:.1f}])" for one in found]
    order = ", strongest first" * (len(told) > 1)
    return f"{said}, with the period of strides (times the frequencies around): {', '.join(told)}{order}."


def equivariance_section(models: Mapping[str, Any]) -> Section:
    """Describe which layers break equivariance; takes the measurements."""
    text = (
        "A layer is equivariant if moving its input by a part of a sample moves its output and does nothing else. The "
        "error is what else happens, over all that happens (local equivariance error, Gruver et al.). Filters without "
        "a stride have nearly none; strides have one where they alias, activations and maxima where they create "
        "frequencies that the map cannot carry."
    )
    what = "Local equivariance error of each layer in the order of the forward pass, by kind of layer."
    figure = SectionFigure("diagnostics_equivariance", partial(equivariance_figure, models), what, ERRORS)
    return Section("Equivariance of layers", text, [figure], [_broken(*one) for one in models.items()])


def _broken(name: str, measured: Mapping[str, Any]) -> str:
    layers = measured["layers"]
    if not layers:
        return f"{name}: no layer could be looked at."
    worst = max(layers, key=lambda layer: layer["error"])
    errors = {kind: [layer["error"] for layer in layers if layer["kind"] == kind] for kind in KINDS}
    means = [f"{KINDS[kind]} {sum(found) / len(found):.2f}" for kind, found in errors.items() if found]
    return (
        f"{name}: mean local equivariance error of {', '.join(means)}; greatest at {worst['layer']} "
        f"({worst['error']:.2f}, subsampled {worst['factor']:g} times)."
    )
