"""From a name such as `torchvision/resnet50` to the library that has the network, and its entry there."""

from collections.abc import Callable

from torch import nn

from lit_invariance.errors import UserError, unknown
from lit_invariance.models.antialiased_networks import antialiased_network
from lit_invariance.models.entry import Entry, State
from lit_invariance.models.exported.entry import exported_network
from lit_invariance.models.exported.reading import is_exported
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.models.python_networks import python_network
from lit_invariance.models.small_resnet import SmallResNet
from lit_invariance.models.torchvision_networks import torchvision_network
from lit_invariance.user_code.importing import PYTHON

Library = Callable[[str, str | None], Entry]


def find_entry(name: str, weights: str | None) -> Entry:
    """Look a network up.

    Args:
        name: As in `create_backbone`.
        weights: As in `create_backbone`.

    Raises:
        UserError: If the name is unknown.
    """
    if name in BUILT_IN:
        return _built_in(BUILT_IN[name], weights)
    if is_exported(name):
        return exported_network(name, weights)
    prefix = library_of(name)
    if prefix is None:
        raise unknown(
            "backbone", name, [f"{library}resnet50" for library in LIBRARIES if library[-1] == "/"] + list(BUILT_IN)
        )
    return LIBRARIES[prefix](name.removeprefix(prefix), weights)


def is_bare(name: str) -> bool:
    """Tell whether a name belongs to no library and to no exported file."""
    return library_of(name) is None and not is_exported(name)


def library_of(name: str) -> str | None:
    """Return the key of `LIBRARIES` that a name begins with; None for a built-in network, a file or an unknown name."""
    return next((prefix for prefix in LIBRARIES if name.startswith(prefix) and name != prefix), None)


def _built_in(make: Callable[[int], nn.Module], weights: str | None) -> Entry:
    def published() -> State:
        raise UserError(f"there are no published weights '{weights}' for a built-in network; give a file, or none.")

    return Entry(make, published, Preprocessing())


def _timm_network(model: str, weights: str | None) -> Entry:
    from lit_invariance.models.timm_networks import timm_network  # timm takes half a second to import

    return timm_network(model, weights)


def _hf_network(model: str, weights: str | None) -> Entry:
    from lit_invariance.models.hf_networks import hf_network

    return hf_network(model, weights)


LIBRARIES: dict[str, Library] = {
    "torchvision/": torchvision_network,
    "timm/": _timm_network,
    "antialiased_cnns/": antialiased_network,
    "hf/": _hf_network,
    PYTHON: python_network,
}
"""What a name begins with, to what describes the network that the rest of it names."""
BUILT_IN: dict[str, Callable[[int], nn.Module]] = {
    "tiny_resnet": lambda num_classes: SmallResNet(num_classes, blocks=2, pool=True),
    "cifar_resnet20": lambda num_classes: SmallResNet(num_classes, blocks=3, pool=False),
    "cifar_resnet14": lambda num_classes: SmallResNet(num_classes, blocks=2, pool=True, width=32),
}
