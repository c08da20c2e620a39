"""What a user may set of the recipe."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FixOptions:
    """Make a network steadier without making it worse, and leave it as it is if nothing helps.

    Attributes:
        protocols: The protocols under which the answers are to stay the same; each has at least two views.
    """

    protocols: list[str | dict[str, Any]] = field(default_factory=lambda: ["crop", "embed_black"])
