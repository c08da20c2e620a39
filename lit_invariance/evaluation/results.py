"""The files an evaluation leaves: results.json, results.csv, outcomes.npz."""

import csv
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.evaluation.seeds import seed_groups
from lit_invariance.evaluation.statistics import LEVEL
from lit_invariance.evaluation.summary import summarise, summarise_groups
from lit_invariance.files import replacing
from lit_invariance.metrics import SCORES
from lit_invariance.results.outcomes import Outcomes, save_outcomes
from lit_invariance.results.reading import OUTCOMES, RESULTS, digest_of
from lit_invariance.results.schema import SCHEMA, ProtocolEntry, Results

LIBRARIES = ("lit_invariance", "torch", "torchvision", "timm", "pytorch_lightning", "pillow", "numpy", "scipy")


def compile_results(
    outcomes: Outcomes,
    models: Sequence[Model],
    protocols: Sequence[ProtocolChoice],
    reference: str,
    seed: int,
    data: Mapping[str, Any],
    run: Mapping[str, Any],
) -> Results:
    """Put together what the results file says.

    Args:
        outcomes: Per-image scores.
        models: The models, in the order of the tables.
        protocols: The protocols, in the order of the tables.
        reference: Name of the reference model.
        seed: Seed of views and resampling.
        data: Description of the data.
        run: `command`, `device` and `precision`.
    """
    measured = {score for _, _, score in outcomes.columns}
    entries = [_protocol_entry(choice, models[0]) for choice in protocols]
    groups = seed_groups([model.source for model in models])
    return {
        "schema": SCHEMA,
        "command": run["command"],
        "versions": versions(),
        "device": run["device"],
        "precision": run["precision"],
        "seed": seed,
        "level": LEVEL,
        "images": len(outcomes.indices),
        "data": dict(data),
        "class_names": [],
        "reference": reference,
        "models": [model.describe() for model in models],
        "protocols": entries,
        "scores": {
            name: {"unit": score.unit, "higher_is_better": score.higher_is_better}
            for name, score in SCORES.items()
            if name in measured
        },
        "rows": summarise(outcomes, reference, seed, {entry["label"]: entry["headline"] for entry in entries} or None),
        "groups": groups,
        "group_rows": summarise_groups(outcomes, groups, seed),
        "pictures": [],
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that make the numbers."""
    return {"python": platform.python_version(), **{library: version(library) for library in LIBRARIES}}


def _protocol_entry(choice: ProtocolChoice, model: Model) -> ProtocolEntry:
    protocol = choice.build(model.classifier.image_size, model.classifier.mean)
    return {
        "label": choice.label,
        "name": choice.name,
        "options": choice.options,
        "unit": protocol.unit,
        "steps": list(protocol.steps),
        "headline": list(protocol.headline),
    }


def write_results(results: Results, outcomes: Outcomes, folder: Path) -> list[Path]:
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
