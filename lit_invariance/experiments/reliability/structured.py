"""Damages to what a file says: its text stays whole, and a value in it becomes another."""

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import yaml

from lit_invariance.experiments.reliability.mutations import mutate

MOST_DAMAGES = 3
DEEP: Any = [[[[[[[[[[[]]]]]]]]]]]
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 4000, 10**15, 10**30, 0.5, -0.5, 1e308, 5e-324, float("nan"), float("inf"), "",
    "x", "0", "x" * 3000, "../../../etc/passwd", "/etc/passwd", "a\x00b", "a\nb", "$x^{2", "é\u202e", "<b>", [], {},
    [[]], [None], {"": None}, {"x": {"x": {}}}, DEEP, list(range(300)),
)  # fmt: skip


def mutate_value(value: Any, random: np.random.Generator) -> Any:
    """Change a nested value in one to three places: another value, a part less, one twice, or one of elsewhere.

    Args:
        value: Mappings, lists and what they hold; it stays as it is.
        random: Where the draws come from.

    Returns:
        The changed copy.
    """
    changed = {"": copy.deepcopy(value)}
    # One fault at a time finds more than several, because the first one ends the reading.
    for _ in range(1 if random.random() < 0.7 else int(random.integers(2, MOST_DAMAGES + 1))):
        places = list(_places(changed))
        parent, key = places[int(random.integers(len(places)))]
        other_parent, other_key = places[int(random.integers(len(places)))]
        damage = int(random.integers(5))
        if damage == 0 and parent is not changed:
            del parent[key]
        elif damage == 1:
            parent[key] = copy.deepcopy(other_parent[other_key])
        elif damage == 2 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif damage == 2 and parent is not changed:
            parent[f"{key}{VALUES[int(random.integers(len(VALUES)))]}"[:40]] = parent.pop(key)
        else:
            parent[key] = copy.deepcopy(VALUES[int(random.integers(len(VALUES)))])
    return changed[""]


def _places(value: Any) -> Any:
    """Every (container, key) below a value."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def mutate_json(data: bytes, random: np.random.Generator) -> bytes:
    """Damage a JSON file: in three of four cases what it says, else its bytes.

    Args:
        data: The file.
        random: Where the draws come from.
    """
    return _mutate_text(data, random, json.loads, json.dumps)


def mutate_yaml(data: bytes, random: np.random.Generator) -> bytes:
    """Damage a YAML file: in three of four cases what it says, else its bytes.

    Args:
        data: The file.
        random: Where the draws come from.
    """
    return _mutate_text(data, random, yaml.safe_load, yaml.safe_dump)


def _mutate_text(
    data: bytes, random: np.random.Generator, load: Callable[[bytes], Any], dump: Callable[[Any], str]
) -> bytes:
    if random.random() < 1 / 4:
        return mutate(data, random)
    return dump(mutate_value(load(data), random)).encode("utf-8", "surrogatepass")
