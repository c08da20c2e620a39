"""Which models are runs of the same config that differ only in the seed."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from lit_invariance.errors import UserError
from lit_invariance.evaluation.model_sources import ModelSource
from lit_invariance.plain_yaml import check_plain, read_small
from lit_invariance.results.schema import GroupEntry

# What a run is called is no part of the experiment.
UNIMPORTANT = ("name", "seed_everything")
SEED_SUFFIX = re.compile(r"([_\-. ]+(seed|run|s))?[_\-. ]*\d*$")


def seed_groups(sources: Sequence[ModelSource]) -> list[GroupEntry]:
    """Group the runs of one config, as given by the `config.yaml` that training writes beside the checkpoints.

    Args:
        sources: The models.

    Returns:
        The groups of two runs or more, whose configs are equal but for the run's name and `seed_everything`, and which
        are evaluated from the checkpoint of the same file name. A seed that occurs twice is one run, the first.
    """
    runs: dict[str, dict[int, str]] = {}
    for source in sources:
        found = _experiment(source)
        if found is not None:
            runs.setdefault(found[0], {}).setdefault(found[1], source.name)
    return [
        {"name": _common_name(list(group.values())), "members": list(group.values()), "seeds": list(group)}
        for group in runs.values()
        if len(group) > 1
    ]


def _experiment(source: ModelSource) -> tuple[str, int] | None:
    """What a run was, as text, and its seed; None where that is not known."""
    if source.checkpoint is None:
        return None
    try:
        config = check_plain(read_small(source.checkpoint.parent / "config.yaml"), "config.yaml")
    except (OSError, ValueError, UserError):
        return None
    if type(config.get("seed_everything")) is not int:  # True draws a seed
        return None
    seed = int(config["seed_everything"])
    rest = {key: value for key, value in config.items() if key not in UNIMPORTANT}
    # What the user added to the checkpoint, such as an inference wrapper, makes another experiment of it.
    added = source.text.removeprefix(str(source.checkpoint))
    return json.dumps([rest, Path(source.checkpoint).name, added], sort_keys=True, default=str), seed


def _common_name(names: list[str]) -> str:
    start = os.path.commonprefix(names)  # noqa: RUF071  # letters are meant, not parts of a path
    return SEED_SUFFIX.sub("", start) or start or names[0]
