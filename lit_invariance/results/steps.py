"""Whether the views of a protocol are a line or a square of shifts."""

import math
from typing import TypedDict

from lit_invariance.results.schema import ProtocolEntry


class Steps(TypedDict):
    """What says whether a protocol's views are a line or a square of shifts: a part of a `ProtocolEntry`."""

    unit: str
    steps: list[float]


def grid_side(protocol: Steps | ProtocolEntry) -> int | None:
    """Return the side of the square of shifts that a protocol's views are, row by row; None for other protocols."""
    side = math.isqrt(len(protocol["steps"]))
    return side if protocol["unit"] == "shift" and side > 1 and side**2 == len(protocol["steps"]) else None
