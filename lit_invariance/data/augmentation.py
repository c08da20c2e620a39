"""Training augmentation: the only module that uses albumentations."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_invariance.constants import IMAGENET_MEAN
from lit_invariance.data.epochs import Place, generator_of
from lit_invariance.environment import environment
from lit_invariance.errors import UserError
from lit_invariance.protocols.standard import CROP_FRACTION, target_of
from lit_invariance.protocols.window import Size, sides
from lit_invariance.registry import build


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep OpenCV from starting threads, which would not survive the fork of a worker."""
    import cv2

    before = cv2.getNumThreads()
    if before == 1:
        # Also what a worker has, whose number must stay: OpenCV would wait there for threads that were not forked.
        yield
        return
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@cache
def _albumentations() -> Any:
    """Import albumentations when it is first used, since that takes a second."""
    with environment("NO_ALBUMENTATIONS_UPDATE", "1"):  # else importing it asks the network for its newest release
        import albumentations
    return albumentations


Pixels = NDArray[np.uint8]
SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)
# As cv2 calls its borders.
FILLS: dict[str, dict[str, Any]] = {
    "black": {"border_mode": "BORDER_CONSTANT", "fill": (0, 0, 0)},
    "mean": {"border_mode": "BORDER_CONSTANT", "fill": tuple(round(255 * mean) for mean in IMAGENET_MEAN)},
    "reflect": {"border_mode": "BORDER_REFLECT_101"},
}


# Where a picture is decoded at a fraction of its size, so many pixels remain along a side for one that a view uses.
SPARE = 2


def least_side(image_size: Size, translation: dict[str, Any] | None) -> int:
    """Return the side in pixels that a picture keeps at least for training, however large its file is.

    Args:
        image_size: Side S of the views in pixels, or (H, W).
        translation: As in `TrainingView`.
    """
    options = translation or {}
    if options.get("kind") == "any_of":
        return max(least_side(image_size, one) for one in options["of"])
    if options.get("kind") != "crop":
        return SPARE * math.ceil(max(sides(image_size)) / CROP_FRACTION)
    smallest = options.get("scale", SCALE)[0]
    low, high = options.get("ratio", RATIO)
    # A crop of this share of the area and of the most extreme shape, from a square picture.
    return SPARE * math.ceil(max(sides(image_size)) / math.sqrt(smallest * min(low, 1 / high)))


def _resize(image: Pixels, image_size: Size, **_: Any) -> Pixels:
    """Bring the short side into [S, S / .875], averaging over areas when shrinking, bilinear when enlarging."""
    height, width = image.shape[:2]
    rows, columns = target_of(height, width, sides(image_size))
    # The side that only just covers the target; the other one is larger than it needs to be.
    covered, target = min(((height, rows), (width, columns)), key=lambda pair: pair[0] / pair[1])
    if target == covered:
        return image
    size = (max(columns, round(width * target / covered)), max(rows, round(height * target / covered)))
    import cv2

    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if target < covered else cv2.INTER_LINEAR)
    return resized.astype(np.uint8, copy=False)


def _resized(image_size: Size) -> Any:
    return _albumentations().Lambda(image=partial(_resize, image_size=image_size), name="resize", p=1.0)


def _plain(image_size: Size) -> list[Any]:
    return [_resized(image_size), _albumentations().CenterCrop(*sides(image_size))]


def _crop(image_size: Size, scale: Sequence[float] = SCALE, ratio: Sequence[float] = RATIO) -> list[Any]:
    options = {"scale": _range("scale", scale, most=1.0), "ratio": _range("ratio", ratio)}
    return [_albumentations().RandomResizedCrop(sides(image_size), **options, area_for_downscale="image")]


def pad_options(image_size: Size, pixels: int | None = None, fill: str = "black") -> tuple[int, str]:
    """Check and complete the options of `pad`.

    Args:
        image_size: Side S of the network's input in pixels, or (H, W).
        pixels: Width of the padding on each side; None means an eighth of S, or of the shorter side.
        fill: A key of `FILLS`.

    Returns:
        Width and fill.

    Raises:
        ValueError: If one is out of its range.
    """
    pixels = min(sides(image_size)) // 8 if pixels is None else pixels
    if pixels < 0:
        raise ValueError(f"pixels is {pixels}; it must not be negative.")
    _check_fill(fill)
    return pixels, fill


def _pad(image_size: Size, pixels: int | None = None, fill: str = "black") -> list[Any]:
    pixels, fill = pad_options(image_size, pixels, fill)
    return [
        _resized(image_size),
        _albumentations().Pad(pixels, **_filling(fill)),
        _albumentations().RandomCrop(*sides(image_size)),
    ]


def _affine(
    image_size: Size, max_shift: float = 0.125, scale: Sequence[float] = (1.0, 1.0), fill: str = "black"
) -> list[Any]:
    if not 0 <= max_shift <= 1:
        raise ValueError(f"max_shift is {max_shift}; it must be a share of the side, between 0 and 1.")
    down, right = (round(max_shift * side) for side in sides(image_size))
    # Whole pixels, so that moving alone never blurs and a network cannot learn to recognise moved images by their blur.
    move = _albumentations().Affine(
        translate_px={"x": (-right, right), "y": (-down, down)},
        scale=_range("scale", scale),
        keep_ratio=True,
        p=1.0,
        **_filling(fill),
    )
    return [_resized(image_size), move, _albumentations().CenterCrop(*sides(image_size))]


def _range(name: str, values: Sequence[float], most: float = 10.0) -> tuple[float, float]:
    if len(values) != 2 or not 0 < values[0] <= values[1] <= most:
        raise ValueError(f"{name} is {list(values)}; it must be [low, high] with 0 < low <= high <= {most:g}.")
    return values[0], values[1]


def _check_fill(fill: str) -> None:
    if fill not in FILLS:
        raise ValueError(f"fill is '{fill}'; known are {', '.join(FILLS)}.")


def _filling(fill: str) -> dict[str, Any]:
    _check_fill(fill)
    import cv2

    return {**FILLS[fill], "border_mode": getattr(cv2, FILLS[fill]["border_mode"])}


def _any_of(image_size: Size, of: Sequence[dict[str, Any]]) -> list[Any]:
    if not isinstance(of, list) or not of:
        raise ValueError(f"of is {of!r}; it must be a list of translations, as [{{kind: crop}}, {{kind: affine}}].")
    return [
        _albumentations().OneOf(
            [_albumentations().Sequential(translated(image_size, translation)) for translation in of], p=1.0
        )
    ]


TRANSLATIONS: dict[str, Callable[..., list[Any]]] = {"crop": _crop, "pad": _pad, "affine": _affine, "any_of": _any_of}


def translated(image_size: Size, translation: dict[str, Any]) -> list[Any]:
    """Make the transforms of a translation.

    Args:
        image_size: Side S of the result in pixels, or (H, W).
        translation: `{"kind": name, option: value}`.

    Raises:
        UserError: If the kind or an option is unknown or out of range.
    """
    options = dict(translation)
    kind = options.pop("kind", None)
    if not isinstance(kind, str):
        raise UserError(f"translation {translation} has no kind; write {{kind: {' | '.join(TRANSLATIONS)}}}.")
    return build("translation", TRANSLATIONS, {kind: options}, image_size=image_size)


class TrainingView:
    """Turns a decoded image into the network's input for one training step.

    Without `translation` this is the geometry of evaluation: the short side is brought to the nearest of [S, S / .875]
    (area averages when shrinking, bilinear when enlarging), and the centre of it is taken. The translations:

    * `crop`: a random part of the image resized to S x S (Szegedy et al., "Going Deeper with Convolutions", CVPR 2015,
      section 6). `scale`: range of its area as a share, [.08, 1]; `ratio`: of width to height, [3/4, 4/3].
    * `pad`: resized as above, padded by `pixels` (S / 8) on each side, and an S x S window at random over all of it
      (He et al., "Deep Residual Learning", CVPR 2016, section 4.2).
    * `affine`: resized as above, moved by up to `max_shift` (.125) of S in whole pixels, uniform and independent in
      both directions, and zoomed by `scale` ([1, 1]), and the centre of it taken. What the image has beyond the centre
      moves in before any filling is seen.

    * `any_of`: one of the translations in the list `of`, each equally likely, drawn for every view.

    `pad` and `affine` take `fill`: `black`, `mean` (ImageNet's mean colour) or `reflect`.

    Albumentations 2.0.8 copies its generator into every worker and draws the same again in every epoch, whatever
    `seed_everything` says. Here every view has its own generator, made from the seed, the epoch and the image's
    position, so that no worker, process or interruption changes what is drawn.

    Args:
        image_size: Side S of the result in pixels, or (H, W).
        flip: Mirror left to right with probability one half.
        translation: `{"kind": name, option: value}`, or None.
        seed: Seed of the training.

    Raises:
        UserError: If the kind or an option is unknown or out of range.
    """

    def __init__(
        self, image_size: Size, flip: bool = True, translation: dict[str, Any] | None = None, seed: int = 0
    ) -> None:
        self.seed = seed
        geometry = _plain(image_size) if translation is None else translated(image_size, translation)
        self.transforms = _albumentations().Compose(
            [*geometry, *([_albumentations().HorizontalFlip(p=0.5)] if flip else [])]
        )

    def __call__(self, image: Tensor, place: Place) -> Tensor:
        """Draw one view; the same seed and place give the same view.

        Args:
            image: uint8 (3, H, W).
            place: The epoch and the image's position in the data set.

        Returns:
            uint8 (3, H, W) of that size.
        """
        self._reseed(place)
        with _one_thread():
            pixels: Pixels = self.transforms(image=image.permute(1, 2, 0).contiguous().numpy())["image"]
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))

    def _reseed(self, place: Place) -> None:
        generator = generator_of("view", self.seed, *place)
        self.transforms.set_random_state(generator, random.Random(int(generator.integers(2**62))))
