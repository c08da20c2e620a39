"""The record of a run as a file: what was compared, and why one was chosen."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lit_invariance.files import replacing
from lit_invariance.fixing.choice import Choice
from lit_invariance.fixing.standings import Standing

RECORD = "fix.json"


def write_record(
    stand: Sequence[Standing], choice: Choice, protocols: Sequence[str], pictures: int, path: Path
) -> None:
    """Write the candidates and the choice as JSON.

    Args:
        stand: The candidates, the plain network first.
        choice: Which one was chosen.
        protocols: Labels of the protocols, in the order of the candidates' changes.
        pictures: Number of held-out pictures.
        path: The file.
    """
    content = {
        "held_out_pictures": pictures,
        "protocols": list(protocols),
        "candidates": [asdict(one) for one in stand],
        "chosen": stand[choice.number].name,
        "refused": choice.refused,
        "reason": choice.reason,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
