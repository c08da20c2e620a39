"""Hooks that outlive `sync_batchnorm`, for which PyTorch puts new batch-norm layers in the places of the old ones."""

from typing import Any

from torch import nn

from lit_invariance.mitigations import batch_norms


class KeptHooks:
    """Remembers the hooks of a network's batch-norm layers, by which surgery has it read them through others.

    Args:
        network: The network after surgery.
    """

    def __init__(self, network: nn.Module) -> None:
        hooked = set(batch_norms(network))
        self._hooks: dict[str, tuple[list[Any], list[Any]]] = {
            name: ([*layer._forward_pre_hooks.values()], [*layer._forward_hooks.values()])
            for name, layer in network.named_modules()
            if layer in hooked and (layer._forward_pre_hooks or layer._forward_hooks)
        }

    def restore(self, network: nn.Module) -> None:
        """Give them to the layers that stand in those places now, unless they have them."""
        for name, (before, behind) in self._hooks.items():
            layer = network.get_submodule(name)
            if not layer._forward_pre_hooks and not layer._forward_hooks:
                for hook in before:
                    layer.register_forward_pre_hook(hook)
                for hook in behind:
                    layer.register_forward_hook(hook)
