"""The parts of the report that show single images: the worst failures, and heat maps of many."""

from functools import partial
from typing import Any

from lit_invariance.report.inline import Drawing
from lit_invariance.report.sheets import window_style
from lit_invariance.report.views import (
    class_name,
    curve_figure,
    heat_figure,
    heat_rows,
    is_sweep,
    map_figure,
    place_of,
    shown_probability,
)
from lit_invariance.results.outcomes import Outcomes
from lit_invariance.results.schema import PictureEntry, ResultsContent, is_labelled
from lit_invariance.results.steps import grid_side


def failure(results: ResultsContent, outcomes: Outcomes, picture: PictureEntry, draw: Drawing) -> dict[str, Any]:
    """Lay out one failure: the two views, what each model said of them, and curves or maps over all views."""
    protocol = next(entry for entry in results["protocols"] if entry["label"] == picture["protocol"])
    row, label = outcomes.indices.tolist().index(picture["index"]), picture["protocol"]
    known = is_labelled(results)
    truth = class_name(results, int(outcomes.labels[row])) if known else f"image {picture['index']}"
    what = f"{truth}, image {picture['index']}" if known else truth
    shown = f"class {truth}" if known else "answer"
    views = []
    for view in picture["worst"]:
        said = [_said(results, outcomes, model["name"], label, row, view) for model in results["models"]]
        style = window_style(picture, picture["views"].index(view))
        views.append({"style": style, "place": place_of(protocol, view), "said": said})
    figures = [
        draw(
            partial(curve_figure, results, outcomes, protocol, row, picture["worst"]),
            f"Probability of the {shown} against the shift under {label}, image {picture['index']}, by model.",
        )
    ]
    if grid_side(protocol) is not None:
        figures = [
            draw(
                partial(map_figure, results, outcomes, protocol, model["name"], row),
                f"Answer and probability of the {shown} at every shift of image {picture['index']}, {model['name']}.",
            )
            for model in results["models"]
        ]
    return {
        "protocol": label,
        "truth": truth,
        "what": what,
        "name": picture["name"],
        "index": picture["index"],
        "views": views,
        "figures": figures,
        "captions": [model["name"] for model in results["models"]] if grid_side(protocol) is not None else [""],
    }


def _said(
    results: ResultsContent, outcomes: Outcomes, model: str, protocol: str, row: int, view: int
) -> dict[str, Any]:
    answers = outcomes.answers[model, protocol]
    label = int(answers.predictions[row, view])
    return {
        "model": model,
        "answer": class_name(results, label) if label >= 0 else "not shown",
        "probability": float(answers.top_probability[row, view]) if label >= 0 else 0.0,
        "right": label == int(outcomes.labels[row]) if is_labelled(results) else None,
    }


def heat_maps(results: ResultsContent, outcomes: Outcomes, draw: Drawing) -> list[dict[str, Any]]:
    """Draw a heat map of each model for each protocol whose views are a sweep."""
    maps = []
    for protocol in filter(is_sweep, results["protocols"]):
        rows = heat_rows(outcomes, protocol["label"], results["reference"])
        figures = [
            draw(
                partial(heat_figure, results, outcomes, protocol, model["name"], rows),
                f"Heat map of {shown_probability(results)} over the shifts of {protocol['label']}, {len(rows)} images, "
                f"model {model['name']}.",
            )
            for model in results["models"]
        ]
        maps.append({"protocol": protocol["label"], "images": len(rows), "figures": figures})
    return maps
