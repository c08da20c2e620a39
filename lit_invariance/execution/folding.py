"""Folding batch normalisation into the convolution before it: the same network with fewer passes over its maps."""

from collections import Counter
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Pair = tuple[nn.Conv2d, nn.BatchNorm2d]


class PassOn(nn.BatchNorm2d):
    """What a batch normalisation becomes once the convolution before it does its work."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the maps as they are."""
        return input


def fold_batch_norm(network: nn.Module, example: Tensor) -> tuple[int, Tensor]:
    """Give the convolutions of a network the scale and shift of the batch normalisation behind them, in place.

    In evaluation a batch normalisation multiplies each channel by a constant and adds another, which the filter and the
    bias of the convolution before it can do as well: exact to rounding, and on a processor a third of the time of a
    MobileNetV2. A pair is folded if one pass shows that nothing but the normalisation reads what the convolution
    gives, and that both run once: not where a hook changes it on its way, as polyphase sampling does. Hooks before the
    convolution and behind the normalisation stay. A parametrised filter is computed once, and then fixed.

    Args:
        network: In evaluation mode; its keys stay, its values do not. Work on a `replica`.
        example: A batch that it takes, on its device.

    Returns:
        The number of pairs, and what the network answered to the example before.
    """
    for conv in filter(_is_conv, network.modules()):
        if parametrize.is_parametrized(conv):
            _fix(conv)
    pairs, answer = _pairs(network, example)
    for conv, norm in pairs:
        _fold(conv, norm)
    return len(pairs), answer


def _is_conv(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and not isinstance(layer, nn.modules.lazy.LazyModuleMixin)


def _fix(conv: nn.Module) -> None:
    """Replace what is computed from other parameters by its value.

    Not `remove_parametrizations`, which changes the class that a copy and its original share.
    """
    values = {name: getattr(conv, name).detach() for name in conv.parametrizations}  # type: ignore[union-attr]
    conv.__class__ = parametrize.type_before_parametrizations(conv)
    del conv.parametrizations
    for name, value in values.items():
        conv.register_parameter(name, nn.Parameter(value, requires_grad=False))


def _pairs(network: nn.Module, example: Tensor) -> tuple[list[Pair], Tensor]:
    """The convolutions and what normalises their results, and theirs alone; and the answer of the pass."""
    layers = list(network.modules())
    convs = {
        id(layer.weight): layer
        for layer in layers
        if isinstance(layer, nn.Conv2d) and _is_conv(layer) and "weight" in layer._parameters
    }
    norms = {
        id(layer.running_mean): layer for layer in layers if isinstance(layer, nn.BatchNorm2d) and _is_foldable(layer)
    }
    # Not in inference mode, in which operations reach the observer before they are taken apart.
    with torch.no_grad(), _Uses(convs, norms) as seen:
        answer = network(example)
    pairs = [
        (seen.conv_of[id(maps)], norms[key])
        for key, maps in seen.read.items()
        if id(maps) in seen.conv_of
        and seen.uses[key] == seen.uses[id(maps)] == seen.uses[id(seen.conv_of[id(maps)].weight)] == 1
    ]
    return pairs, answer


def _is_foldable(layer: nn.BatchNorm2d) -> bool:
    return _passing(type(layer)) is not None and not layer.training and layer.running_mean is not None


def _passing(kind: Any) -> type[nn.BatchNorm2d] | None:
    """What takes the place of a batch normalisation of this very class; None for any other class."""
    if kind is nn.BatchNorm2d:
        return PassOn
    if kind.__name__ == "BatchNormAct2d" and kind.__module__.startswith("timm."):
        passing: type[nn.BatchNorm2d] = _passing_on_to_activation(kind)
        return passing
    return None


@cache
def _passing_on_to_activation(kind: Any) -> Any:
    class PassOnToActivation(kind):  # type: ignore[misc]
        """What timm's batch normalisation with its own activation becomes."""

        def forward(self, x: Tensor) -> Tensor:
            """Do what comes behind the normalisation."""
            activated: Tensor = self.act(self.drop(x))
            return activated

    return PassOnToActivation


class _Uses(TorchDispatchMode):
    """Sees every operation of a pass.

    Args:
        convs: Convolutions, by the identity of their filter.
        norms: Batch normalisations, by the identity of their running mean.

    Attributes:
        uses: How many operations read each tensor.
        conv_of: What each convolution gave, by identity.
        read: What each batch normalisation read, by the identity of its running mean.
    """

    def __init__(self, convs: dict[int, nn.Conv2d], norms: dict[int, nn.BatchNorm2d]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.convs, self.norms = convs, norms
        self.uses: Counter[int] = Counter()
        self.conv_of: dict[int, nn.Conv2d] = {}
        self.read: dict[int, Tensor] = {}
        self._alive: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and note what it reads."""
        made = func(*args, **(kwargs or {}))
        given = {id(tensor): tensor for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)}
        self.uses.update(given.keys())
        for key in given.keys() & self.convs.keys():
            if isinstance(made, Tensor) and len(args) > 1 and id(args[1]) == key and "conv" in func.__name__:
                self.conv_of[id(made)] = self.convs[key]
        for key in given.keys() & self.norms.keys():
            self.read[key] = args[0]
        # An identity is used again once its tensor is gone.
        self._alive += [tensor for tensor in tree_leaves(made) if isinstance(tensor, Tensor)]
        return made


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale, shift, old = (None if value is None else value.double() for value in (norm.weight, norm.bias, conv.bias))
    fused = fuse_conv_bn_weights(conv.weight.double(), old, mean.double(), variance.double(), norm.eps, scale, shift)
    layout = torch.channels_last if conv.weight.is_contiguous(memory_format=torch.channels_last) else None
    for name, value in zip(("weight", "bias"), fused, strict=True):
        fitting = value.detach().to(conv.weight.dtype)
        if name == "weight" and layout is not None:
            fitting = fitting.contiguous(memory_format=layout)
        conv.register_parameter(name, nn.Parameter(fitting, requires_grad=False))
    passing = _passing(type(norm))
    assert passing is not None
    norm.__class__ = passing  # keeps its hooks, its layers and its keys
