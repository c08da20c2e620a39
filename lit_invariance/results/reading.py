"""Reading a results folder: no file is trusted, and a fault in it is reported in one sentence."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lit_invariance.errors import UserError
from lit_invariance.metrics import SET_SCORES
from lit_invariance.results.outcomes import UNREADABLE, Outcomes, load_outcomes
from lit_invariance.results.schema import SCHEMA, ResultsContent, SeriesEntry

RESULTS, OUTCOMES = "results.json", "outcomes.npz"
MOST_BYTES = 2**28
"""An evaluation of a hundred models under all protocols leaves a tenth of this."""


def read_folder(folder: Path) -> tuple[ResultsContent, Outcomes]:
    """Read both records of an evaluation.

    Args:
        folder: Where `results.json` and `outcomes.npz` are.

    Raises:
        UserError: If one of them is missing or broken, or they are not of one evaluation.
    """
    results, path = read_results(folder / RESULTS), folder / OUTCOMES
    try:
        # Asked first, since to open a pipe waits for its writer.
        outcomes = load_outcomes(path) if path.is_file() else None
        digest = digest_of(path) if outcomes is not None else ""
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read, it is cut off or changed; evaluate again.") from error
    if outcomes is None:
        raise UserError(f"there is no {path}; evaluate again, or copy it from where {RESULTS} is from.")
    if results.get("outcomes", digest) != digest:
        raise UserError(f"{path} and {folder / RESULTS} are not from the same evaluation; evaluate again.")
    for fault in _mismatches(results, outcomes):
        raise UserError(f"{path} does not fit {folder / RESULTS}, {fault}; evaluate again.")
    return results, outcomes


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_results(path: Path) -> ResultsContent:
    """Read a results file.

    Args:
        path: `results.json`.

    Raises:
        UserError: If it is missing, no JSON, of another schema, incomplete or contradicts itself.
    """
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise OSError
        text = path.read_bytes()
        schema = _schema_of().validate_json(text).get("schema")
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a results file; make it with evaluate.py.") from error
    if schema != SCHEMA:
        raise UserError(f"{path} has schema {str(schema)[:20]}, this version reads {SCHEMA}; evaluate again.")
    try:
        results = _adapter().validate_json(text, strict=True)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))[:200]
        raise UserError(
            f"{path} is not a complete results file: {place}: {fault['msg'].lower()}; evaluate again."
        ) from error
    for contradiction in _contradictions(results):
        raise UserError(f"{path} contradicts itself, {contradiction}; evaluate again.")
    return results


@cache
def _adapter() -> TypeAdapter[ResultsContent]:
    return TypeAdapter(ResultsContent)


@cache
def _schema_of() -> TypeAdapter[dict[str, Any]]:
    return TypeAdapter(dict[str, Any])


def _contradictions(results: ResultsContent) -> Iterator[str]:
    """What one part of a results file says of another that is not so."""
    models = [model["name"] for model in results["models"]]
    protocols = {protocol["label"]: protocol for protocol in results["protocols"]}
    rows = [(row["model"], row["protocol"], row["score"]) for row in results["rows"]]
    groups = [group["name"] for group in results["groups"]]
    group_rows = [(row["group"], row["protocol"], row["score"]) for row in results["group_rows"]]
    names: dict[str, Sequence[object]] = {"models": models, "groups": groups, "rows": rows, "group_rows": group_rows}
    for what, listed in (names | {"protocols": [entry["label"] for entry in results["protocols"]]}).items():
        yield from (f"{what} lists {entry} twice" for entry, count in Counter(listed).items() if count > 1)
    if results["reference"] not in models:
        yield f"the reference {results['reference']} is none of its models"
    for model, protocol, score in rows:
        if model not in models or protocol not in protocols or score not in results["scores"]:
            yield f"a row is of {model}, {protocol}, {score}, which are not listed"
    measured = {row[1:] for row in rows}
    missing = {(model, *cell) for model in models for cell in measured} - set(rows)
    yield from (f"the row of {', '.join(row)} is missing" for row in missing)
    yield from (f"no row is of protocol {label}" for label in protocols.keys() - {label for label, _ in measured})
    for group in results["groups"]:
        if not group["members"] or not set(group["members"]) <= set(models):
            yield f"the members of group {group['name']} are not among its models"
    apart = {(group, *cell) for group in groups for cell in measured} ^ set(group_rows)
    yield from (f"group_rows and groups disagree in {', '.join(row)}" for row in apart)
    yield from _broken_curves(results)
    yield from _broken_pictures(results)
    yield from _broken_series(results)
    for entry in results["protocols"]:
        if len(entry.get("view_names", entry["steps"])) != len(entry["steps"]):
            yield f"the views of {entry['label']} have more or fewer names than steps"


def _broken_pictures(results: ResultsContent) -> Iterator[str]:
    steps = {protocol["label"]: len(protocol["steps"]) for protocol in results["protocols"]}
    for picture in results["pictures"]:
        what = f"a picture of image {picture['index']}"
        if max(picture["views"]) >= steps.get(picture["protocol"], 0):
            yield f"{what} shows views that {picture['protocol']} does not have"
        if not set(picture["worst"]) <= set(picture["views"]) or len(picture["places"]) != len(picture["views"]):
            yield f"{what} lacks views that it names"
        (rows, columns), (high, wide) = picture["size"], picture["window"]
        if not high * wide or any(top + high > rows or left + wide > columns for top, left in picture["places"]):
            yield f"{what} has views that are not in it"


def _broken_curves(results: ResultsContent) -> Iterator[str]:
    for curve in results.get("curves", []):
        if curve["model"] not in [model["name"] for model in results["models"]]:
            yield f"a curve is of {curve['model']}, which is none of its models"
        if any(len(frame) != len(curve["classes"]) for frame in curve["probabilities"]):
            yield f"the curve of {curve['model']} lacks classes at some frames"


def _broken_series(results: ResultsContent) -> Iterator[str]:
    models = [model["name"] for model in results["models"]]
    found: dict[tuple[str, str], list[SeriesEntry]] = {}
    for entry in results.get("series", []):
        found.setdefault((entry["protocol"], entry["measure"]), []).append(entry)
    for (protocol, measure), entries in found.items():
        if protocol not in [listed["label"] for listed in results["protocols"]]:
            yield f"a series is of {protocol}, which is none of its protocols"
        if [entry["model"] for entry in entries] != models:
            yield f"the series of {measure} under {protocol} are not those of its models"
        places = entries[0]["places"]
        for entry in entries:
            lengths = {len(values) for values in (places, entry["mean"], entry["low"], entry["high"])}
            if not places or entry["places"] != places or len(lengths) > 1:
                yield f"the series of {entry['model']} under {protocol} do not go over the same places"


def _mismatches(results: ResultsContent, outcomes: Outcomes) -> Iterator[str]:
    """What the two records do not say alike."""
    if len(outcomes.indices) != results["images"]:
        yield f"it has {len(outcomes.indices)} rows, not {results['images']}"
    per_image = (row for row in results["rows"] if row["score"] not in SET_SCORES)
    rows = {(row["model"], row["protocol"], row["score"]) for row in per_image}
    yield from (f"{', '.join(column)} stands in one of them only" for column in rows ^ outcomes.columns.keys())
    for protocol in results["protocols"]:
        for model in results["models"]:
            answers = outcomes.answers.get((model["name"], protocol["label"]))
            if answers is None or answers.predictions.shape[1] != len(protocol["steps"]):
                yield f"the views of {model['name']} under {protocol['label']} are not those listed"
    known = set(outcomes.indices.tolist())
    for picture in results["pictures"]:
        if picture["index"] not in known:
            yield f"image {picture['index']} is in pictures only"
