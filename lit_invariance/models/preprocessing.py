"""The preprocessing that a network expects: it belongs to the weights, not to the program."""

import inspect
from dataclasses import dataclass, field, replace

from lit_invariance.constants import IMAGENET_MEAN, IMAGENET_STD
from lit_invariance.protocols import PROTOCOLS, Protocol
from lit_invariance.protocols.window import Size
from lit_invariance.registry import Spec, build, check, parse_spec

SUPPLIED = ("size", "mean")
"""Options of protocols that are no user's choice."""
BY_DEFAULT = "'s default, "
"""Between a network and the weights whose recipe is used for a file of an unknown name."""


@dataclass(frozen=True)
class Preprocessing:
    """How a decoded picture becomes a network's input.

    Attributes:
        mean: Channel means in [0, 1] that the input is reduced by, one for a network of one channel; also the colour of
            a background called `mean`.
        std: Channel standard deviations that it is divided by.
        size: Side S of the input in pixels, or (H, W).
        crop_pct: The picture is resized to `S / crop_pct` before S is cut; None for the geometry that is one for all
            networks, see `Standard`.
        interpolation: `"bilinear"`, `"bicubic"` or `"lanczos"`.
        crop_mode: `"center"`, `"squash"` or `"border"`, see `Standard`.
        recipe: Whose published recipe it is, such as `torchvision resnet50 IMAGENET1K_V2`; None for the geometry that
            is one for all. Two recipes of different names and equal values are equal.
        inside: Whether the network normalises by itself, and takes pictures in [0, 1].
    """

    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    size: Size = 224
    crop_pct: float | None = None
    interpolation: str = "bilinear"
    crop_mode: str = "center"
    recipe: str | None = field(default=None, compare=False)
    inside: bool = False

    @property
    def scale(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation that pictures in [0, 1] are normalised with in front of the network."""
        return ((0.0,) * len(self.mean), (1.0,) * len(self.std)) if self.inside else (self.mean, self.std)

    def grey(self) -> "Preprocessing":
        """Return the same for a network of one channel: the means over the channels."""
        mean, std = ((sum(values) / len(values),) for values in (self.mean, self.std))
        return replace(self, mean=mean, std=std)

    def at(self, size: Size) -> "Preprocessing":
        """Return the same recipe for another size of the input, in pixels."""
        return replace(self, size=size)

    def trained_at(self, size: Size) -> "Preprocessing":
        """Return the preprocessing of a network that was fine-tuned from weights of this recipe.

        Args:
            size: Size of the pictures it was trained on, in pixels. At the recipe's own it is the recipe; at another,
                which the weights are no longer made for, the geometry that is one for all.
        """
        return self if size == self.size else self.fixed(size)

    def fixed(self, size: Size) -> "Preprocessing":
        """Return the fixed geometry for all networks, with this one's normalisation.

        Args:
            size: Size of the input in pixels.
        """
        return Preprocessing(self.mean, self.std, size, inside=self.inside)

    def protocol(self, spec: Spec) -> Protocol:
        """Make a protocol whose views are prepared like this, as far as its own geometry allows.

        Args:
            spec: A name of `PROTOCOLS` or `{name: {option: value}}`; options of the user win.

        Raises:
            UserError: If the protocol or an option is unknown, or a value is refused.
        """
        check("protocol", PROTOCOLS, spec, SUPPLIED)
        name, _ = parse_spec("protocol", spec)
        known = inspect.signature(PROTOCOLS[name]).parameters
        options = (*SUPPLIED, "crop_pct", "interpolation", "crop_mode")
        given = {option: getattr(self, option) for option in options if option in known}
        return build("protocol", PROTOCOLS, spec, **given)
