"""Make a dense layer keep one lattice phase of its result, the same for all layers of a group."""

from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations.ops.phases import keep_phase
from lit_invariance.mitigations.ops.windows import Pair

NAME = "phase"


class Choice:
    """The phase of one group of layers in the forward pass that runs: its first layer chooses, the others follow.

    Samples that are added or concatenated later must come from the same places, so such layers form a group. Nothing
    is kept once the last of them has asked.

    Args:
        followers: Number of layers that follow.
    """

    def __init__(self, followers: int) -> None:
        self.followers, self.waiting = followers, 0
        self.phase: Tensor | None = None

    def set(self, phase: Tensor) -> None:
        """Publish what the first layer chose."""
        self.phase, self.waiting = (phase, self.followers) if self.followers else (None, 0)

    def get(self) -> Tensor:
        """Learn what the first layer chose.

        Raises:
            UserError: If it has not run.
        """
        phase = self.phase
        if phase is None:
            raise UserError(
                "a polyphase layer ran before the layer that chooses its phase; run the network as a whole."
            )
        self.waiting -= 1
        if not self.waiting:
            self.phase = None
        return phase


class KeepPhase(nn.Module):
    """Keeps the phase of each map that its group has chosen.

    Args:
        stride: Step between samples of a phase, in rows and columns.
        choice: Where the layers of a group meet.
        chooser: What chooses for the group, from maps to phases; None in a layer that follows.

    Shape:
        (N, C, H, W) to (N, C, H / s, W / t) for a stride of (s, t) that divides the sides.
    """

    def __init__(self, stride: Pair, choice: Choice, chooser: nn.Module | None) -> None:
        super().__init__()
        self.stride, self.choice, self.chooser = stride, choice, chooser

    def forward(self, maps: Tensor) -> Tensor:
        """Keep one phase of feature maps."""
        if self.chooser is None:
            phase = self.choice.get()
        else:
            phase = self.chooser(maps)
            self.choice.set(phase)
        return keep_phase(maps, phase, self.stride)

    def extra_repr(self) -> str:
        """The stride, as it appears when the network is printed."""
        return f"stride={self.stride}"


def keep_phase_of(layer: nn.Module, keep: KeepPhase) -> None:
    """Make everything that reads a layer's output read one phase of it."""
    layer.add_module(NAME, keep)
    pointwise = isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.padding == (0, 0)
    if pointwise and keep.chooser is None:
        # The phase of a pointwise result is the result of that phase, which is cheaper by the stride squared.
        layer.register_forward_pre_hook(_before)
    else:
        layer.register_forward_hook(_behind)


def _before(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return layer.get_submodule(NAME)(inputs[0]), *inputs[1:]


def _behind(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return layer.get_submodule(NAME)(output)  # type: ignore[no-any-return]
