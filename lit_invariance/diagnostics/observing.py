"""Looking at what the layers of any network compute while it runs, by forward hooks."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from lit_invariance.errors import unknown

See = Callable[[str, nn.Module, Tensor, Tensor], None]
"""Receives the name of a layer, the layer, its input and its output, both `(N, C, H, W)`."""


@contextmanager
def observing(network: nn.Module, see: See, layers: Sequence[str] | None = None) -> Iterator[None]:
    """Show each feature map of a network at the moment at which it is computed; gradients are off meanwhile.

    A layer that the network runs more than once, such as the activation of a residual block, appears as `relu`,
    `relu#2`, `relu#3` in the order of the calls. A map that a block merely hands on from its last layer is shown once.

    Args:
        network: The network; calling it inside the block runs `see`.
        see: What looks. The next layer may overwrite the tensors.
        layers: Names as `named_modules` gives them; all where not given.

    Raises:
        UserError: If the network has no layer of a name.
    """
    modules = {name: module for name, module in network.named_modules() if name}
    for name in layers or ():
        if name not in modules:
            raise unknown("layer", name, modules)
    watcher = _Watcher(see)
    handles = [network.register_forward_pre_hook(lambda *_: watcher.calls.clear())]
    for name in modules if layers is None else layers:
        handles.append(modules[name].register_forward_hook(watcher.hook(name)))
    try:
        with torch.no_grad():
            yield
    finally:
        for handle in handles:
            handle.remove()


class _Watcher:
    """Counts the calls of a pass, and holds the last map, so that no new one can take its place in memory."""

    def __init__(self, see: See) -> None:
        self.see = see
        self.calls: Counter[str] = Counter()
        self.last: tuple[Tensor, int] | None = None
        self.looking = False

    def hook(self, name: str) -> Callable[[nn.Module, tuple[object, ...], object], None]:
        def look(module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
            source = inputs[0] if inputs else None
            # Who looks may run a layer again, whose parts are not to be seen twice.
            if self.looking or not isinstance(source, Tensor) or not isinstance(output, Tensor):
                return
            if source.ndim != 4 or output.ndim != 4:
                return
            # In-place layers return the tensor that they were given, with another version number.
            if self.last is not None and output is self.last[0] and output._version == self.last[1]:
                return
            self.last = output, output._version
            self.calls[name] += 1
            number = self.calls[name]
            self.looking = True
            try:
                self.see(name if number == 1 else f"{name}#{number}", module, source, output)
            finally:
                self.looking = False

        return look
