"""What a user says of the input of a network of his own, and what is known of one of a library's."""

from collections.abc import Mapping, Sequence
from typing import Any

from pytorch_lightning.utilities import rank_zero_info

from lit_invariance.errors import UserError
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols.window import Size, as_size, in_words

# What torchvision's transforms of published weights and timm's data configurations say.
FIELDS = {"mean", "std", "crop_size", "resize_size", "input_size", "crop_pct", "interpolation", "crop_mode"}
INTERPOLATIONS = ("bilinear", "bicubic", "lanczos")


def read_recipe(given: Any) -> Preprocessing | None:
    """Read what a network expects of a picture.

    Args:
        given: A `Preprocessing`, `(mean, std)`, the transforms of torchvision's weights, or timm's data configuration.

    Returns:
        None where it is none of these.

    Raises:
        UserError: If a value in it cannot be used.
    """
    if isinstance(given, Preprocessing):
        return given
    fields = given if isinstance(given, Mapping) else {key: getattr(given, key) for key in FIELDS & {*dir(given)}}
    if {"mean", "std"} <= fields.keys():
        return _of_fields(fields)
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 2:
        return _of_fields({"mean": given[0], "std": given[1]})
    return None


def usual_recipe(name: str, network: Any, change: str) -> Preprocessing:
    """Return what a network is given where the user does not say it, and tell the user.

    Args:
        name: What the user calls the network.
        network: The network.
        change: How the user can say something else, for what is told.

    Returns:
        The normalisation of its library for a bare network of timm or torchvision; none at all for others.
    """
    config = getattr(network, "pretrained_cfg", None)
    if isinstance(config, Mapping) and {"mean", "std"} <= config.keys():
        found, whose = _of_fields(config), "its timm configuration expects"
    elif type(network).__module__.startswith("torchvision.models."):
        found, whose = Preprocessing(), "torchvision's published weights expect"
    else:
        rank_zero_info(f"{name}: gets pictures in [0, 1], not normalised; {change} to change this.")
        return Preprocessing(inside=True)
    rank_zero_info(
        f"{name}: pictures are normalised with mean {found.mean} and std {found.std}, as {whose}; {change} to change "
        "this."
    )
    return found


def _of_fields(fields: Mapping[str, Any]) -> Preprocessing:
    mean, std = (_per_channel(name, fields[name]) for name in ("mean", "std"))
    if len(mean) != len(std):
        raise UserError(f"preprocessing has mean {mean} and std {std}; give one of each for every channel.")
    if min(std) <= 0:
        raise UserError(f"preprocessing has std {std}; each value must be above 0.")
    interpolation = fields.get("interpolation", "bilinear")
    interpolation = str(getattr(interpolation, "value", interpolation))
    if interpolation not in INTERPOLATIONS:
        raise UserError(
            f"preprocessing resizes with {interpolation}; views can be made with {', '.join(INTERPOLATIONS)}."
        )
    if "crop_size" in fields:
        size = _size(fields["crop_size"])
        crop_pct = _share(size, _size(fields["resize_size"])) if "resize_size" in fields else None
        return Preprocessing(mean, std, size, crop_pct, interpolation, recipe="torchvision's transforms")
    if "input_size" in fields:
        size, mode = _size(fields["input_size"][1:]), fields.get("crop_mode") or "center"
        return Preprocessing(mean, std, size, fields.get("crop_pct"), interpolation, mode, "timm's configuration")
    return Preprocessing(mean, std, interpolation=interpolation)


def _per_channel(name: str, values: Any) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) not in (1, 3):
        raise UserError(f"preprocessing has {name} {values!r}; give one number for each of 3 channels, or of 1.")
    return numbers


def _size(given: Any) -> Size:
    """The size of the input; torchvision and timm give one side or both."""
    pair = tuple(int(side) for side in given) if isinstance(given, Sequence) else (int(given),)
    return as_size(pair[0] if len(pair) == 1 else pair)


def _share(size: Size, resized: Size) -> float:
    """The share of the resized length that the crop keeps."""
    if isinstance(size, tuple) or isinstance(resized, tuple):
        raise UserError(
            f"preprocessing resizes to {in_words(resized)} pixels and crops {in_words(size)}; views are cut out of a "
            "picture that covers them, so give both as squares, or leave resize_size out."
        )
    return size / resized
