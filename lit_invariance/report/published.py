"""Published numbers beside those measured here."""

from typing import TypedDict

from lit_invariance.report.schema import Results


class PublishedRow(TypedDict):
    """A number from the literature with its counterpart in the results.

    `here` is the mean measured here, `conditions` what differs between the two measurements.
    """

    model: str
    protocol: str
    score: str
    here: float
    published: float
    source: str
    conditions: str


def published_rows(results: Results) -> list[PublishedRow]:
    """Return the published numbers that results can be compared with."""
    return []
