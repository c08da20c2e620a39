"""What transformers' image processors do to a picture, as a `Preprocessing`."""

from collections.abc import Callable
from typing import Any

from lit_invariance.errors import UserError
from lit_invariance.models.preprocessing import Preprocessing

INTERPOLATIONS = {1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""PIL's numbers, which the processors' files hold."""
WARPED_FROM = 384
"""Side in pixels from which ConvNeXt's processor warps a picture and cuts nothing off."""
LEVIT_SHARE = 224 / 256

Geometry = tuple[int, float, str]
"""Side S of the input in pixels, crop_pct and crop_mode, see `Preprocessing`."""


def recipe_of(processor: Any, name: str) -> Preprocessing:
    """Describe what a processor does.

    Args:
        processor: One of transformers' image processors.
        name: What the user calls the network.

    Raises:
        UserError: If it does something that views cannot be made with.
    """
    kind = type(processor).__name__
    for step in ("do_flip_channel_order", "do_pad", "rescale_offset"):
        if getattr(processor, step, None):
            raise UserError(f"{name}: its {kind} does {step}, which is not handled; {OWN}.")
    geometry = next((read for begin, read in OF_KIND.items() if kind.startswith(begin)), _usual)
    try:
        size, crop_pct, crop_mode = geometry(processor)
        interpolation = INTERPOLATIONS[int(processor.resample)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{name}: its {kind} resizes in a way that is not handled (size {getattr(processor, 'size', None)}, "
            f"resample {getattr(processor, 'resample', None)}); {OWN}."
        ) from error
    mean, std = _normalisation(processor)
    return Preprocessing(mean, std, size, crop_pct, interpolation, crop_mode, recipe=name)


OWN = "let a function of your own return (network, (mean, std)) and name it as python:path/file.py:function"


def _normalisation(processor: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std for pictures in [0, 1]; processors rescale pictures of 0 to 255 first."""
    scale = 255 * processor.rescale_factor if processor.do_rescale else 255.0
    mean, std = (tuple(processor.image_mean), tuple(processor.image_std)) if processor.do_normalize else (_ZEROS, _ONES)
    if getattr(processor, "include_top", False):  # EfficientNet's divides twice
        std = tuple(value**2 for value in std)
    return tuple(value / scale for value in mean), tuple(value / scale for value in std)


_ZEROS, _ONES = (0.0,) * 3, (1.0,) * 3


def _usual(processor: Any) -> Geometry:
    if not processor.do_resize:
        raise ValueError("pictures are not resized")
    to = _entries(processor.size)
    length, mode = (to["shortest_edge"], "center") if "shortest_edge" in to else (_side(to), "squash")
    size = _side(_entries(processor.crop_size)) if getattr(processor, "do_center_crop", None) else length
    return size, size / length, mode


def _convnext(processor: Any) -> Geometry:
    size = _entries(processor.size)["shortest_edge"]
    return (size, 1.0, "squash") if size >= WARPED_FROM else (size, processor.crop_pct, "center")


def _levit(processor: Any) -> Geometry:
    size = _side(_entries(processor.crop_size))
    return size, size / int(_entries(processor.size)["shortest_edge"] / LEVIT_SHARE), "center"


def _poolformer(processor: Any) -> Geometry:
    return _side(_entries(processor.crop_size)), processor.crop_pct, "center"


OF_KIND: dict[str, Callable[[Any], Geometry]] = {
    "ConvNext": _convnext,
    "Levit": _levit,
    "PoolFormer": _poolformer,
}
"""Beginnings of the names of processors that resize in a way of their own."""


def _entries(size: Any) -> dict[str, int]:
    return {key: value for key, value in dict(size).items() if value is not None}


def _side(entries: dict[str, int]) -> int:
    if entries["height"] != entries["width"]:
        raise ValueError("pictures are not square")
    return entries["height"]
