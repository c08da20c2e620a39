"""One network of one library with the weights that were chosen for it, not yet built or read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from lit_invariance.models.preprocessing import Preprocessing

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Entry:
    """A network that can be built, and what is known of its weights by their name.

    Attributes:
        make: Number of classes -> network with random weights.
        published: Returns the state dict of the published weights that were chosen; raises a UserError if they are
            unknown or out of reach.
        preprocessing: What the chosen weights expect of a picture; for random weights, and files that do not bear the
            name of published ones, what the network's default weights expect.
        classes: Number of classes of the chosen published weights; None where none were chosen.
        auxiliary: Prefixes of weights that the network has no use for.
        heads: Names of the classification layers, if the library gives them.
        convert: State dict and network -> the state dict under the network's present names, as the library does it.
        whole: Whether `make` returns the network with its own weights, so that none need be chosen; `classes` is then
            the number of classes of these.
        headless: Whether it may be without a linear or convolutional layer that has one output per class.
        class_names: The class of each output of the chosen published weights, None where they do not say.
        files: The files on the disk that the network is made from, beside a file of weights that the user names.
    """

    make: Callable[[int], nn.Module]
    published: Callable[[], State]
    preprocessing: Preprocessing
    classes: int | None = None
    auxiliary: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    convert: Callable[[State, nn.Module], State] = lambda state, network: state
    whole: bool = False
    headless: bool = False
    class_names: Sequence[str] | None = None
    files: tuple[Path, ...] = ()
