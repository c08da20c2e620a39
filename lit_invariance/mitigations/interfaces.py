"""The interface of a loss and of the classifier for it; checks of the options of mitigations."""

import typing
from collections.abc import Callable, MutableMapping
from typing import Any

import torch
from torch import Tensor

Classify = Callable[[Tensor], Tensor]  # pictures (N, 3, S, S), float in [0, 1], to logits (N, K)


class Classifier(typing.Protocol):
    """The part of the classifier that a loss may use in training."""

    @property
    def device(self) -> torch.device:
        """Where its parameters lie."""
        ...

    @property
    def dtype(self) -> str | torch.dtype:
        """Precision of its parameters."""
        ...

    @property
    def hparams(self) -> MutableMapping[str, Any]:
        """Its settings: `backbone`, `weights`, `num_classes` among them."""
        ...

    def normalise(self, images: Tensor) -> Tensor:
        """Turn pictures, uint8 or float in [0, 1], into the network's input."""
        ...

    def __call__(self, images: Tensor) -> Tensor:
        """Classify pictures, uint8 or float in [0, 1]."""
        ...


class Loss(typing.Protocol):
    """A term of the training loss.

    Attributes:
        name: What its curve `train/<name>` is called.
        weight: Factor of the term.
        label_weight: Factor of the loss on the labels beside it.
    """

    name: str
    weight: float
    label_weight: float

    def prepare(self, classifier: Classifier) -> None:
        """Do what must be done once, before the first step, on the classifier's device."""
        ...

    def __call__(self, classifier: Classifier, images: Tensor, logits: Tensor) -> Tensor:
        """Return the mean over a batch of pictures `(N, 3, S, S)`, whose logits `(N, K)` the classifier gave."""
        ...


def check_int(option: str, value: object, least: int) -> int:
    """Check an option that counts something.

    Args:
        option: Its name.
        value: What the user wrote.
        least: The smallest value allowed.

    Returns:
        The value.

    Raises:
        ValueError: If it is not a whole number from `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{option} must be a whole number of at least {least}, not {value!r}.")
    return value


def check_positive(option: str, value: object, or_zero: bool = False) -> float:
    """Check an option that is a factor or a temperature.

    Args:
        option: Its name.
        value: What the user wrote.
        or_zero: Whether zero is allowed.

    Returns:
        The value.

    Raises:
        ValueError: If it is no number in that range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value > 0 or (or_zero and value == 0)):
        raise ValueError(f"{option} is a number {'from' if or_zero else 'above'} 0, not {value!r}.")
    return float(value)


def check_share(option: str, value: object) -> float:
    """Check an option that is a share.

    Args:
        option: Its name.
        value: What the user wrote.

    Returns:
        The value.

    Raises:
        ValueError: If it is no number above 0 and up to 1.
    """
    share = check_positive(option, value)
    if share > 1:
        raise ValueError(f"{option} is a number above 0 and up to 1, not {value!r}.")
    return share
