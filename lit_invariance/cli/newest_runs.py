"""Which runs are compared where the user names none: those of the data that were trained on last."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from lit_invariance.evaluation.model_sources import ModelSource

WHICH_DATA = ("dataset", "root", "val_root", "val_fraction")
"""Options that say which pictures a model was trained on and which were held out."""


def newest_runs(
    sources: Sequence[ModelSource], reference: str | None, wanted: Mapping[str, Any]
) -> tuple[list[ModelSource], list[str]]:
    """Take the runs that were trained on the same data as the newest checkpoint, or as the wanted reference.

    Args:
        sources: Checkpoints.
        reference: Name of the model that the others are compared with, if the user says it.
        wanted: What the user says of the data, of the options `dataset` and `root`. If no run was trained on such data,
            they are new to all runs, and all are compared.

    Returns:
        These runs, and a line for each other data set with the command that compares what was trained on it.
    """
    fitting = [source for source in sources if all((source.data or {}).get(key) == wanted[key] for key in wanted)]
    if not fitting:
        return list(sources), []
    named = [source for source in fitting if source.name == reference]
    first = named[0] if named else max(fitting, key=_time)
    groups: dict[str, list[ModelSource]] = {}
    for source in sources:
        groups.setdefault(_data_of(source), []).append(source)
    chosen = groups.pop(_data_of(first))
    if not groups:
        return chosen, []
    lines = [f"compared:    {_names(chosen)}, trained on {_data_of(first)}"]
    for data, others in groups.items():
        models = " ".join(shlex.quote(other.text) for other in others)
        lines.append(
            f"left out:    {_names(others)}, trained on {data}; compare with: python evaluate.py --models {models}"
        )
    return chosen, lines


def _time(source: ModelSource) -> float:
    return 0.0 if source.checkpoint is None else source.checkpoint.stat().st_mtime


def _data_of(source: ModelSource) -> str:
    """The data in words that differ where the data do."""
    given: dict[str, Any] = dict(source.data or {})
    dataset, root, *rest = (given.get(option) for option in WHICH_DATA)
    words = f"{dataset}" if root is None else f"{dataset} {root}"
    if dataset == "shapes":
        return words
    validated = [f"{option} {value}" for option, value in zip(WHICH_DATA[2:], rest, strict=True) if value is not None]
    return f"{words} ({', '.join(validated)})" if validated else words


def _names(sources: Sequence[ModelSource]) -> str:
    return ", ".join(source.name for source in sources)
