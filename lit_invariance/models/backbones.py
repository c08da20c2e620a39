"""From a name such as `torchvision/resnet50` to a network, its weights and the preprocessing it expects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities import rank_zero_info
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.models.classification_layer import layers_with
from lit_invariance.models.dry_pass import see_answer
from lit_invariance.models.entry import Entry
from lit_invariance.models.grey import first_convolution, make_grey
from lit_invariance.models.libraries import find_entry
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.models.state_dict import first_of, is_file_name, read_state_dict, without_prefix
from lit_invariance.models.weights import load_strictly
from lit_invariance.protocols.window import Size

USUAL_CLASSES = 1000


@dataclass(frozen=True)
class Backbone:
    """A network with what it expects of its input.

    Attributes:
        network: `(N, C, H, W)` normalised images, one channel for each of the means -> logits `(N, K)`.
        heads: Names of the modules that map features to classes; the networks that timm distilled have two, a user's
            own may have none.
        preprocessing: What its weights expect of a picture.
        num_classes: Number of outputs K.
        trained_classes: Number of classes its weights were made for, 0 where they hold no classification layer; None
            for random weights, and where it is not known.
    """

    network: nn.Module
    heads: tuple[str, ...]
    preprocessing: Preprocessing
    num_classes: int
    trained_classes: int | None = None

    @property
    def new_head(self) -> bool:
        """Whether the classification layer is untrained, because the weights have another number of classes."""
        return self.trained_classes not in (None, self.num_classes)


def create_backbone(
    name: str, weights: str | None, num_classes: int, image_size: Size | None = None, channels: int = 3
) -> Backbone:
    """Build a network by name and load its weights.

    Args:
        name: `torchvision/<model>`, `timm/<model>[.<tag>]`, `antialiased_cnns/<model>`, `tiny_resnet`,
            `cifar_resnet14`, `cifar_resnet20`, `hf/<folder or hub id>`, or `python:` and code that returns a network,
            which is run; see `python_network`.
        weights: None for random ones; `"default"` or a published name (`IMAGENET1K_V1`, a timm tag); or a local file,
            see `read_state_dict`. With code, None and `"default"` stand for those that it gives the network.
        num_classes: Number of outputs K. Where the weights have another number, the head is a new one.
        image_size: Side S of the pictures it will be given, or (H, W). One is passed through it before any weights
            are looked for, to see that the network takes it; None leaves that out.
        channels: 3, or 1 for a network of grey pictures: its first convolution is then one of a single channel, whose
            weights are the sums over the three; a file may also hold such a network's weights. Code of the user's own
            says itself how many its network has, by its means.

    Returns:
        The network, in training mode.

    Raises:
        UserError: If the name is unknown, the network refuses the size, or the weights are unknown, out of reach or
            made for another network.
    """
    entry = find_entry(name, weights)
    network = entry.make(num_classes)
    heads = _heads(network, entry, num_classes, name)
    own = entry.whole or len(entry.preprocessing.mean) == 1
    if image_size is not None:
        see_answer(network, name, image_size, num_classes, len(entry.preprocessing.mean))
    first = first_convolution(network, name) if channels == 1 and not own else None
    expected = entry.preprocessing if entry.whole or weights is not None else preprocessing_of(name, None)
    expected = expected if first is None else expected.grey()
    if entry.whole:
        return Backbone(network, heads, expected, num_classes, entry.classes)
    if weights is None:
        if first is not None:
            make_grey(network, first)
        return Backbone(network, heads, expected, num_classes)
    state = _converted(entry, weights, network)
    is_grey = _is_grey(state, f"{first}.weight")
    if first is not None and is_grey:
        make_grey(network, first)
    load_strictly(network, name, state, f"'{weights}'", heads)
    if first is not None and not is_grey:
        make_grey(network, first)
    return Backbone(network, heads, expected, num_classes, _classes_of(state, heads))


def preprocessing_of(name: str, weights: str | None) -> Preprocessing:
    """Return the preprocessing that weights expect, without reading or downloading them.

    Args:
        name: Name of the backbone.
        weights: As in `create_backbone`. A file that bears the name of published weights has their recipe, any other
            that of the backbone's default weights; random weights have the normalisation of these alone.

    Returns:
        The recipe of the weights; one whose `recipe` is None for random weights and networks without published ones.

    Raises:
        UserError: If the name is unknown.
    """
    entry = find_entry(name, weights)
    preprocessing = entry.preprocessing
    return preprocessing.fixed(preprocessing.size) if weights is None and not entry.whole else preprocessing


def published_classes(name: str, weights: str | None) -> int | None:
    """Return the number of classes of published weights, without reading or downloading them.

    Args:
        name: Name of the backbone.
        weights: As in `create_backbone`.

    Returns:
        Their number, 0 for weights without a classification layer; None for random weights and other files.

    Raises:
        UserError: If the name is unknown.
    """
    return find_entry(name, weights).classes


def published_class_names(name: str, weights: str | None) -> Sequence[str] | None:
    """Return the class of each output of published weights; None where they do not say.

    Args:
        name: Name of the backbone.
        weights: As in `create_backbone`.

    Raises:
        UserError: If the name is unknown.
    """
    return find_entry(name, weights).class_names


def files_of(name: str, weights: str | None) -> tuple[Path, ...]:
    """Return the files on the disk that a network is made from, beside a file of weights that the user names.

    Args:
        name: Name of the backbone.
        weights: As in `create_backbone`.

    Raises:
        UserError: If the name is unknown.
    """
    return find_entry(name, weights).files


def classes_of_file(name: str, weights: str) -> int | None:
    """Return the number of classes that a file of weights was made for, by reading it.

    Args:
        name: Name of the backbone.
        weights: The file.

    Returns:
        Their number; 0 for weights without a classification layer; None where the network has none that is known.

    Raises:
        UserError: If the name is unknown, or the file cannot be read.
    """
    entry = find_entry(name, weights)
    network = entry.make(USUAL_CLASSES)
    return _classes_of(_converted(entry, weights, network), _heads(network, entry, USUAL_CLASSES, name))


def _heads(network: nn.Module, entry: Entry, num_classes: int, name: str) -> tuple[str, ...]:
    """Names of the layers that have one output per class: those the library names, otherwise the last one."""
    fitting = layers_with(network, num_classes)
    if not fitting and entry.headless:
        return ()
    if not fitting:
        raise UserError(f"backbone {name} has no classification layer with {num_classes} outputs; choose a classifier.")
    named = tuple(path for path in entry.heads if path in fitting)
    return named if named and len(named) == len(entry.heads) else (fitting[-1],)


def _is_grey(state: Mapping[str, Any], name: str) -> bool:
    """Whether the weights of a convolution are of one channel."""
    return name in state and state[name].ndim == 4 and state[name].shape[1] == 1


def _classes_of(state: Mapping[str, Any], heads: Sequence[str]) -> int | None:
    if not heads:
        return None
    last = f"{heads[0]}.weight"
    return len(state[last]) if last in state else 0


def _converted(entry: Entry, weights: str, network: nn.Module) -> Mapping[str, Any]:
    """The chosen weights under the names of the network, by the library's own conversion where they are not yet so."""
    names = network.state_dict().keys()
    if is_file_name(weights):
        state = read_state_dict(weights, names)
    else:
        state = without_prefix(entry.published(), names, weights)
    unused = [key for key in state if key.startswith(entry.auxiliary)]
    if unused:
        rank_zero_info(f"'{weights}': the {len(unused)} of classifiers for training were left out: {first_of(unused)}.")
    for key in unused:
        del state[key]
    return state if state.keys() == names else entry.convert(state, network)
