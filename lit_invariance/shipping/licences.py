"""Whose licence the weights of a network are under, as far as their library says it."""

from collections.abc import Callable
from typing import Any

ASK = "not stated by the library; ask whoever published the weights"
SWAG = "SWAG"


def licence_of(backbone: str, weights: str | None) -> str:
    """Return one line on the licence of a network's weights.

    Args:
        backbone: Name of the network, as in `create_backbone`; empty for a network of the user's own.
        weights: Where its weights come from: None for random ones, a published name, or a file.
    """
    library, _, model = backbone.partition("/")
    if weights is None:
        return "yours: the network was made with random weights"
    return LICENCES.get(library, _own)(model, weights)


def _torchvision(model: str, weights: str) -> str:
    if SWAG in weights:
        return "CC BY-NC 4.0 (torchvision's SWAG weights): not for commercial use"
    return (
        "torchvision's code is BSD-3-Clause; it states that weights may have terms derived from the data they were "
        "trained on, here ImageNet's"
    )


def _timm(model: str, weights: str) -> str:
    import timm

    known: Any = timm.get_pretrained_cfg(model) if timm.is_model(model.partition(".")[0]) else None
    licence = getattr(known, "license", None)
    return f"{licence} (timm's configuration of {model})" if licence else f"{ASK}; timm's code is Apache-2.0"


def _antialiased(model: str, weights: str) -> str:
    return "CC BY-NC-SA 4.0 (antialiased-cnns): not for commercial use"


def _own(model: str, weights: str) -> str:
    return "state it here: this project does not know where the weights come from"


LICENCES: dict[str, Callable[[str, str], str]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "antialiased_cnns": _antialiased,
}
