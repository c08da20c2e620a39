"""The ranges of the classifier's options."""

import math
from collections.abc import Mapping
from typing import Any

from lit_invariance.errors import UserError

RANGES = {
    "reestimate_batch_norm": (0, math.inf),
    "lr": (0, math.inf),
    "backbone_lr": (0, math.inf),
    "momentum": (0, 0.9999),
    "weight_decay": (0, math.inf),
    "warmup_epochs": (0, math.inf),
    "label_smoothing": (0, 0.9999),
    "invariance_images": (0, math.inf),
}


def check_ranges(options: Mapping[str, Any]) -> None:
    """Refuse options of `LitClassifier` that are out of their range.

    Args:
        options: Name to value; those of `RANGES` among them.

    Raises:
        UserError: If one is.
    """
    if options["channels"] not in (1, 3):
        raise UserError(f"model.channels is {options['channels']}; it is 3, or 1 for a network of grey pictures.")
    for name, (low, high) in RANGES.items():
        value = options[name]
        if value is not None and not low <= value <= high:
            wanted = f"from {low} on" if high == math.inf else f"from {low} to {high}"
            raise UserError(f"model.{name} is {value}; it is a number {wanted}.")
