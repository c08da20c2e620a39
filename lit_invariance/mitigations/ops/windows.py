"""Where the windows of a convolution or pool lie on a map."""

from typing import NamedTuple, Self

from torch import nn

from lit_invariance.mitigations.ops.extend import Margins

Pair = tuple[int, int]


class Windows(NamedTuple):
    """The windows of a layer, each number for rows and columns; a tuple of numbers, which torch.fx can write down.

    Attributes:
        kernel: Samples a window reads.
        stride: Step from one window to the next.
        padding: How far the first window begins outside the map.
        dilation: Step from one sample of a window to the next.
        ceil_mode: Whether a last window that does not fit counts.
    """

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    @classmethod
    def of(cls, layer: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) -> Self:
        """Read them off a layer; a convolution with padding `same` must have windows of odd reach."""
        kernel, dilation = pair(layer.kernel_size), pair(getattr(layer, "dilation", 1))
        if layer.padding == "same":
            padding = (dilation[0] * (kernel[0] - 1) // 2, dilation[1] * (kernel[1] - 1) // 2)
        else:
            padding = (0, 0) if isinstance(layer.padding, str) else pair(layer.padding)
        return cls(kernel, pair(layer.stride), padding, dilation, getattr(layer, "ceil_mode", False))

    def counts(self, height: int, width: int) -> Pair:
        """Return how many windows torch places on a map of that size, in rows and columns."""
        return self.laid(height, 0), self.laid(width, 1)

    def margins(self, height: int, width: int) -> Margins:
        """Return how far the windows reach beyond the map: above, below, left, right."""
        rows, columns = self.counts(height, width)
        below = (rows - 1) * self.stride[0] + self._span(0) - height - self.padding[0]
        right = (columns - 1) * self.stride[1] + self._span(1) - width - self.padding[1]
        return self.padding[0], max(self.padding[0], below), self.padding[1], max(self.padding[1], right)

    def dense(self, height: int, width: int) -> tuple[Pair, Margins]:
        """Lay the windows at every sample instead, `stride` of them for each that torch lays.

        Returns:
            The number of windows, which the stride divides, and how far they reach beyond the map.
        """
        rows, columns = self.counts(height, width)
        rows, columns = rows * self.stride[0], columns * self.stride[1]
        below = rows - 1 + self._span(0) - height - self.padding[0]
        right = columns - 1 + self._span(1) - width - self.padding[1]
        return (rows, columns), (self.padding[0], below, self.padding[1], right)

    def _span(self, axis: int) -> int:
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def laid(self, size: int, axis: int) -> int:
        """Return how many windows torch places on `size` rows (axis 0) or columns (1); MaxPool2d states the formula."""
        stride, padding = self.stride[axis], self.padding[axis]
        room = size + 2 * padding - self._span(axis)
        if not self.ceil_mode:
            return room // stride + 1
        count = -(-room // stride) + 1
        return count - 1 if (count - 1) * stride >= size + padding else count


def pair(value: int | tuple[int, ...]) -> Pair:
    """A size for rows and columns from how torch's layers state it."""
    return (value, value) if isinstance(value, int) else (value[0], value[-1])
