"""The values that a convolution or pool reads beyond the border of its map, set for each layer."""

from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations.ops.extend import extend
from lit_invariance.mitigations.ops.windows import Windows

NAME = "border"
Windowed = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d


class Border(nn.Module):
    """Extends the maps a layer reads, as far as its windows reach.

    It becomes a child of the layer and runs in a forward hook, so that parameters keep their names. The zeros of the
    layer's own padding are left to the layer, which needs no copy of the map for them.

    Args:
        windows: Where the windows of the plain layer lie.
        mode: How a map is extended beyond its border, see `extend`.
        value: The constant of mode `zeros`.

    Shape:
        (N, C, H, W) to (N, C, H + margins, W + margins).
    """

    def __init__(self, windows: Windows, mode: str, value: float) -> None:
        super().__init__()
        self.windows, self.mode, self.value = windows, mode, value
        self.dense = False

    def forward(self, maps: Tensor) -> Tensor:
        """Extend feature maps.

        Raises:
            UserError: If the layer is dense and circular, which promises exact invariance, and the map's size does not
                allow it.
        """
        size = maps.shape[2], maps.shape[3]
        count, margins = self.windows.dense(*size) if self.dense else (size, self.windows.margins(*size))
        if self.mode == "circular" and count != size:
            raise UserError(self._complaint(count, size))
        if self.mode == "zeros":
            above, below, left, right = margins
            margins = 0, below - above, 0, right - left
        return extend(maps, margins, self.mode, self.value)

    def _complaint(self, count: tuple[int, int], size: tuple[int, int]) -> str:
        windows = self.windows
        divides = all(side % step == 0 for side, step in zip(size, windows.stride, strict=True))
        fix = (
            "leave circular_padding out" if divides else "choose an image size that the network's total stride divides"
        )
        return (
            "polyphase with circular padding keeps one of `stride` windows at every sample, and a layer of kernel "
            f"{windows.kernel}, stride {windows.stride} and padding {windows.padding} has {count[0]} x {count[1]} "
            f"windows for a map of {size[0]} x {size[1]}; {fix}."
        )

    def extra_repr(self) -> str:
        """The options, as they appear when the network is printed."""
        return f"{self.mode}, {self.windows}, dense={self.dense}"


def border_of(layer: Windowed) -> Border:
    """Give a layer its own border, which changes nothing yet, unless it has one."""
    if not has_border(layer):
        mode = layer.padding_mode if isinstance(layer, nn.Conv2d) else "zeros"
        made = Border(Windows.of(layer), mode, float("-inf") if isinstance(layer, nn.MaxPool2d) else 0.0)
        layer.add_module(NAME, made)
        layer.register_forward_pre_hook(_through_border)
        _leave_to_border(layer, made)
    border = layer.get_submodule(NAME)
    assert isinstance(border, Border)
    return border


def has_border(layer: nn.Module) -> bool:
    """Whether a layer was given its own border."""
    return NAME in layer._modules


def surround(layer: Windowed, mode: str) -> str:
    """Extend the maps of a layer as `mode` says, see `extend`.

    Returns:
        The mode before.
    """
    border = border_of(layer)
    before, border.mode = border.mode, mode
    _leave_to_border(layer, border)
    return before


def make_dense(layer: Windowed) -> Windows:
    """Make a strided layer compute `stride` windows for each one; other code chooses which of them are kept.

    Returns:
        The windows it had.
    """
    border = border_of(layer)
    border.dense = True
    if isinstance(layer, nn.AvgPool2d) and border.windows.padding == (0, 0):
        surround(layer, "replicate")  # only full windows lay on the map, so those that reach out are filled as well
    layer.stride = (1, 1)
    return border.windows


def _leave_to_border(layer: Windowed, border: Border) -> None:
    layer.padding = border.windows.padding if border.mode == "zeros" else (0, 0)
    if isinstance(layer, nn.Conv2d):
        layer.padding_mode = "zeros"
    else:
        layer.ceil_mode = False


def _through_border(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return layer.get_submodule(NAME)(inputs[0]), *inputs[1:]
