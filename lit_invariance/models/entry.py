"""One network of one library with the weights that were chosen for it, not yet built or read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
    """

    make: Callable[[int], nn.Module]
    published: Callable[[], State]
    preprocessing: Preprocessing
    classes: int | None = None
    auxiliary: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    convert: Callable[[State, nn.Module], State] = lambda state, network: state
