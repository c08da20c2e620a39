"""What surgery did at one place of a network, as text for the user."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Change:
    """What surgery did at one strided operation.

    Attributes:
        place: Qualified name of the layer, or the traced name of a function call.
        changed: False where the operation was left as it is.
        what: What was done, or why nothing was.
        cumulative: How many samples of the network's input lie between two of the result, in rows and columns; None
            where the change is of another kind.
    """

    place: str
    changed: bool
    what: str
    cumulative: tuple[int, int] | None = None

    def __str__(self) -> str:
        """One line of the list for the user."""
        what = self.what if self.changed else f"left alone, {self.what}"
        stride = f" (cumulative stride {stride_words(self.cumulative)})" if self.cumulative else ""
        return f"{self.place}: {what}{stride}"


def stride_words(stride: tuple[int, ...]) -> str:
    """A stride as text for the user: one number if it is the same for rows and columns."""
    return str(stride[0]) if stride[0] == stride[-1] else f"{stride[0]}x{stride[-1]}"


def layer_kind(layer: object) -> str:
    """A convolution or pool as text for the user."""
    if isinstance(layer, nn.Conv2d):
        return f"{'x'.join(map(str, layer.kernel_size))} convolution"
    return "max pool" if isinstance(layer, nn.MaxPool2d) else "average pool"
