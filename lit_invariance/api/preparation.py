"""What `preprocessing` may be, brought to one form: the geometry of the pictures, and what makes input of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor

from lit_invariance.errors import UserError
from lit_invariance.mitigations.inference.wrapper import InferenceWrapper
from lit_invariance.models.preprocessing import Preprocessing

Prepare = Callable[[Tensor], Any]
# What torchvision's transforms of published weights and timm's data configurations say.
FIELDS = {"mean", "std", "crop_size", "resize_size", "input_size", "crop_pct", "interpolation", "crop_mode"}
INTERPOLATIONS = ("bilinear", "bicubic", "lanczos")
RESIZING = ("Resize", "CenterCrop", "RandomCrop", "RandomResizedCrop", "FiveCrop", "TenCrop", "ToTensor", "PILToTensor")


def find_preprocessing(name: str, network: Any, given: Any) -> tuple[Preprocessing, Prepare | None]:
    """Tell how pictures become a network's input.

    Args:
        name: What the user calls the network.
        network: The network.
        given: The argument `preprocessing` of `evaluate`.

    Returns:
        Size, interpolation and normalisation; and what prepares the pictures in place of that normalisation, if any.

    Raises:
        UserError: If it is none of the forms that `evaluate` takes.
    """
    found, prepare = (_usual(name, network), None) if given is None else _read(given)
    if found is None:
        found, prepare = Preprocessing(), prepare or _unchanged
    return found, prepare


def _read(given: Any) -> tuple[Preprocessing | None, Prepare | None]:
    if isinstance(given, Preprocessing):
        return given, None
    fields = given if isinstance(given, Mapping) else {key: getattr(given, key) for key in FIELDS & {*dir(given)}}
    if {"mean", "std"} <= fields.keys():
        return _of_fields(fields), None
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 2:
        return _of_fields({"mean": given[0], "std": given[1]}), None
    if not callable(given):
        raise UserError(
            f"preprocessing is {given!r}; give (mean, std), a function of pictures in [0, 1], the transforms of "
            "torchvision's weights, or timm's data configuration."
        )
    for step in getattr(given, "transforms", ()):
        if type(step).__name__ in RESIZING:
            raise UserError(
                f"preprocessing holds {type(step).__name__}, but views are tensors of the network's size, which must "
                "not be resized or cropped again; give the normalisation alone, as (mean, std)."
            )
    return None, given


def _of_fields(fields: Mapping[str, Any]) -> Preprocessing:
    mean, std = (_per_channel(name, fields[name]) for name in ("mean", "std"))
    if min(std) <= 0:
        raise UserError(f"preprocessing has std {std}; each value must be above 0.")
    interpolation = fields.get("interpolation", "bilinear")
    interpolation = str(getattr(interpolation, "value", interpolation))
    if interpolation not in INTERPOLATIONS:
        raise UserError(
            f"preprocessing resizes with {interpolation}; views can be made with {', '.join(INTERPOLATIONS)}."
        )
    if "crop_size" in fields:
        size = _side(fields["crop_size"])
        crop_pct = size / _side(fields["resize_size"]) if "resize_size" in fields else None
        return Preprocessing(mean, std, size, crop_pct, interpolation, recipe="torchvision's transforms")
    if "input_size" in fields:
        size, mode = _side(fields["input_size"][1:]), fields.get("crop_mode") or "center"
        return Preprocessing(mean, std, size, fields.get("crop_pct"), interpolation, mode, "timm's configuration")
    return Preprocessing(mean, std, interpolation=interpolation)


def _per_channel(name: str, values: Any) -> tuple[float, ...]:
    try:
        red, green, blue = (float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise UserError(f"preprocessing has {name} {values!r}; give one number for each of 3 channels.") from error
    return red, green, blue


def _side(sides: Any) -> int:
    """The side of a square; torchvision and timm give one side or both."""
    known = {int(side) for side in (sides if isinstance(sides, Sequence) else [sides])}
    if len(known) != 1:
        raise UserError(
            f"preprocessing makes pictures of {' x '.join(map(str, sides))} pixels, but all views are square."
        )
    return known.pop()


def _usual(name: str, network: Any) -> Preprocessing | None:
    """What a bare network of timm or torchvision is known to expect; None for others."""
    while isinstance(network, InferenceWrapper):
        network = network.network
    config = getattr(network, "pretrained_cfg", None)
    if isinstance(config, Mapping) and {"mean", "std"} <= config.keys():
        found, whose = _of_fields(config), "its timm configuration"
    elif type(network).__module__.startswith("torchvision.models."):
        found, whose = Preprocessing(), "torchvision's published weights"
    else:
        return None
    rank_zero_info(
        f"{name}: pictures are normalised with mean {found.mean} and std {found.std}, as {whose} expect; set "
        "preprocessing= to change this."
    )
    return found


def _unchanged(images: Tensor) -> Tensor:
    return images
