"""From a name such as `torchvision/resnet50` to a network, its weights and the preprocessing it expects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor, nn

from lit_invariance.errors import UserError, unknown
from lit_invariance.models.antialiased_networks import antialiased_network
from lit_invariance.models.entry import Entry
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.models.small_resnet import SmallResNet
from lit_invariance.models.timm_networks import timm_network
from lit_invariance.models.torchvision_networks import torchvision_network
from lit_invariance.models.weights import is_file_name, load_strictly, read_state_dict


@dataclass(frozen=True)
class Backbone:
    """A network with what it expects of its input.

    Attributes:
        network: `(N, 3, S, S)` normalised images -> logits `(N, K)`.
        head: Name of the module that maps features to classes.
        preprocessing: What its weights expect of a picture.
        new_head: Whether the classification layer is untrained, because the weights have another number of classes.
    """

    network: nn.Module
    head: str
    preprocessing: Preprocessing
    new_head: bool = False


def create_backbone(name: str, weights: str | None, num_classes: int) -> Backbone:
    """Build a network by name and load its weights.

    Args:
        name: `torchvision/<model>`, `timm/<model>[.<tag>]`, `antialiased_cnns/<model>`, `tiny_resnet` or
            `cifar_resnet20`.
        weights: None for random ones; `"default"` or a published name (`IMAGENET1K_V1`, a timm tag); or a local file.
        num_classes: Number of outputs K. Where the weights have another number, the head is a new one.

    Returns:
        The network, in training mode.

    Raises:
        UserError: If the name is unknown, or the weights are unknown, out of reach or made for another network.
    """
    entry = _find(name, weights)
    network = entry.make(num_classes)
    head = _head_of(network, num_classes, name)
    new_head = False
    if weights is not None:
        state = read_state_dict(weights) if is_file_name(weights) else entry.published()
        state = {key: value for key, value in state.items() if not key.startswith(entry.auxiliary)}
        new_head = load_strictly(network, name, state, f"'{weights}'", optional=f"{head}.")
    if new_head:
        rank_zero_info(f"{name}: the weights have another number of classes; {head} is new, with {num_classes}.")
    return Backbone(network, head, entry.preprocessing, new_head)


def preprocessing_of(name: str, weights: str | None) -> Preprocessing:
    """Tell what weights expect of a picture, without reading or downloading them.

    Args:
        name: Name of the backbone.
        weights: As in `create_backbone`. A file that bears the name of published weights has their recipe, any other
            that of the backbone's default weights.

    Returns:
        The recipe of the weights; one with `recipe` None for networks that none is published for.

    Raises:
        UserError: If the name is unknown.
    """
    return _find(name, weights).preprocessing


def _find(name: str, weights: str | None) -> Entry:
    library, _, model = name.partition("/")
    if not model and library in BUILT_IN:
        return _built_in(BUILT_IN[library], weights)
    if library not in LIBRARIES or not model:
        raise unknown("backbone", name, [f"{library}/resnet50" for library in LIBRARIES] + list(BUILT_IN))
    return LIBRARIES[library](model, weights)


def _head_of(network: nn.Module, num_classes: int, name: str) -> str:
    """Name of the last layer that has one output per class."""
    head = ""
    for path, module in network.named_modules():
        outputs = getattr(module, "out_features", None) or getattr(module, "out_channels", None)
        if isinstance(module, nn.Linear | nn.Conv2d) and outputs == num_classes:
            head = path
    if not head:
        raise UserError(f"backbone {name} has no classification layer with {num_classes} outputs; choose a classifier.")
    return head


def _built_in(make: Callable[[int], nn.Module], weights: str | None) -> Entry:
    def published() -> Mapping[str, Tensor]:
        raise UserError(f"there are no published weights '{weights}' for a built-in network; give a file, or none.")

    return Entry(make, published, Preprocessing())


LIBRARIES: dict[str, Callable[[str, str | None], Entry]] = {
    "torchvision": torchvision_network,
    "timm": timm_network,
    "antialiased_cnns": antialiased_network,
}
BUILT_IN: dict[str, Callable[[int], nn.Module]] = {
    "tiny_resnet": lambda num_classes: SmallResNet(num_classes, blocks=2, pool=True),
    "cifar_resnet20": lambda num_classes: SmallResNet(num_classes, blocks=3, pool=False),
}
