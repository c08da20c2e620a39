"""The files that an evaluation writes: results.json, results.csv, outcomes.npz."""

import csv
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

from lit_invariance.evaluation.blocks import in_blocks
from lit_invariance.evaluation.chance import at_chance
from lit_invariance.evaluation.group_summary import summarise_groups
from lit_invariance.evaluation.measured import Measured
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.proportions import with_exact_intervals
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.evaluation.seeds import seed_groups
from lit_invariance.evaluation.series import series_of
from lit_invariance.evaluation.set_statistics import set_columns
from lit_invariance.evaluation.settings import Settings
from lit_invariance.evaluation.statistics import LEVEL
from lit_invariance.evaluation.summary import summarise
from lit_invariance.files import replacing
from lit_invariance.metrics import FEATURE_SCORES, ROW_SCORES, SET_SCORES
from lit_invariance.results.diagnoses import Diagnostics
from lit_invariance.results.outcomes import Outcomes, save_outcomes
from lit_invariance.results.reading import OUTCOMES, RESULTS, digest_of
from lit_invariance.results.schema import (
    SCHEMA,
    CostEntry,
    GroupEntry,
    GroupRow,
    ProtocolEntry,
    ResultsContent,
    Row,
    Ties,
)
from lit_invariance.version import version

LIBRARIES = ("torch", "torchvision", "timm", "pytorch_lightning", "pillow", "numpy", "scipy")


@dataclass(frozen=True)
class Summary:
    """The summary of the outcomes.

    Attributes:
        rows: The means of every score, with intervals and differences from the reference.
        groups: Runs of one config.
        group_rows: Their means over seeds.
    """

    rows: list[Row]
    groups: list[GroupEntry]
    group_rows: list[GroupRow]


def summarise_measured(measured: Measured, models: Sequence[Model], reference: str, seed: int) -> Summary:
    """Take means, intervals and differences, over images or over blocks of frames as the measured rows want it.

    The intervals of scores that are right or wrong for each row are exact where the measured rows want it.

    Args:
        measured: What was measured.
        models: The models.
        reference: Name of the reference model.
        seed: Seed of the resampling.
    """
    drawn = measured.outcomes if measured.block is None else in_blocks(measured.outcomes, measured.block)
    labelled = any(score == "accuracy" for _, _, score in drawn.columns)
    of_set = set_columns(measured.outcomes, measured.protocols, labelled, measured.block)
    shown = {entry["label"]: entry["headline"] for entry in measured.protocols}
    groups = seed_groups([model.source for model in models])
    return Summary(
        with_exact_intervals(summarise(drawn, reference, seed, shown, of_set), drawn, measured.exact),
        groups,
        summarise_groups(drawn, groups, reference, seed, shown, of_set),
    )


def compile_results(
    measured: Measured,
    summary: Summary,
    models: Sequence[Model],
    settings: Settings,
    device: str,
    costs: Sequence[CostEntry | None],
    diagnostics: Diagnostics,
) -> ResultsContent:
    """Put together the content of the results file.

    Args:
        measured: What was measured.
        summary: The summary of it.
        models: The models, in the order of the tables.
        settings: How it was measured.
        device: Where it was measured.
        costs: What each model costs; None where that was not measured.
        diagnostics: What the diagnostics measured, by their name; empty without any.
    """
    scores = {row["score"] for row in summary.rows}
    results: ResultsContent = {
        "schema": SCHEMA,
        "command": None if settings.command is None else list(settings.command),
        "versions": versions(),
        "device": device,
        "precision": settings.precision,
        "seed": settings.seed,
        "level": LEVEL,
        "images": len(measured.outcomes.indices),
        "data": dict(measured.data),
        "class_names": list(measured.class_names),
        "reference": settings.reference,
        "models": [
            {**model.describe(), "cost": cost, "executor": {**how, **_ties(measured.outcomes, model.name)}}
            for model, cost, how in zip(models, costs, measured.executors, strict=True)
        ],
        "protocols": list(measured.protocols),
        "scores": {
            name: {"unit": score.unit, "higher_is_better": score.higher_is_better}
            for name, score in (ROW_SCORES | SET_SCORES).items()
            if name in scores
        },
        "rows": summary.rows,
        "groups": summary.groups,
        "group_rows": summary.group_rows,
        "pictures": list(measured.pictures),
    }
    if chance := at_chance(measured.outcomes, settings.seed):
        results["at_chance"] = chance
    if series := series_of(measured.outcomes, measured.protocols, settings.seed):
        results["series"] = series
    if settings.draws > 1:
        results["draws"] = settings.draws
    if diagnostics:
        results["diagnostics"] = diagnostics
    if measured.samples is not None:
        results["samples"] = measured.samples
    if measured.block is not None:
        results["resampled"] = f"blocks of {measured.block} neighbouring {measured.samples}"
    if measured.exact:
        results["clopper_pearson"] = list(measured.exact)
    if measured.curves:
        results["curves"] = list(measured.curves)
    return results


def _ties(outcomes: Outcomes, model: str) -> Ties:
    answers = [answer for (name, _), answer in outcomes.answers.items() if name == model]
    return {
        "views": sum(int((answer.predictions >= 0).sum()) for answer in answers),
        "ties": sum(int(answer.tied.sum()) for answer in answers),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that influence the numbers."""
    return {
        "python": platform.python_version(),
        "lit_invariance": version(),
        **{library: installed(library) for library in LIBRARIES},
    }


def protocol_entry(choice: ProtocolChoice, model: Model, embedding: bool = False) -> ProtocolEntry:
    """Return the description of a protocol for the results.

    Args:
        choice: The protocol.
        model: The model for whose input it is described.
        embedding: Whether features are measured, whose scores its table then shows.
    """
    protocol = choice.build(model.classifier.preprocessing)
    known = FEATURE_SCORES if embedding and not protocol.against_first else {}
    of_features = [name for name, score in known.items() if score.views <= len(protocol.steps)]
    entry: ProtocolEntry = {
        "label": choice.label,
        "name": choice.name,
        "options": choice.options,
        "unit": protocol.unit,
        "steps": list(protocol.steps),
        "headline": [*protocol.headline, *of_features],
    }
    if protocol.reference is not None:
        entry["reference"] = protocol.reference
    if protocol.view_names is not None:
        entry["view_names"] = list(protocol.view_names)
    if protocol.against_first:
        entry["against_first"] = True
    return entry


def write_results(results: ResultsContent, outcomes: Outcomes, folder: Path) -> list[Path]:
    """Write results and outcomes, each file whole or not at all.

    Args:
        results: What to write as JSON, and its rows as CSV; the digest of the outcomes' file is added.
        outcomes: What to write as NPZ.
        folder: An existing folder.

    Returns:
        The files.
    """
    files = [folder / RESULTS, folder / "results.csv", folder / OUTCOMES]
    save_outcomes(outcomes, files[2])
    with replacing(files[1]) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=list(results["rows"][0]))
        table.writeheader()
        table.writerows(results["rows"])
    # Last, since it says that the others are whole and which outcomes it belongs to.
    results["outcomes"] = digest_of(files[2])
    with replacing(files[0]) as temporary:
        temporary.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return files
