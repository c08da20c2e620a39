"""A state dict into a network, strictly: whatever does not fit is refused and listed."""

from collections import OrderedDict
from collections.abc import Collection, Mapping

from torch import Tensor, nn

from lit_invariance.errors import UserError, said_by
from lit_invariance.models.state_dict import first_of

COUNTER = "num_batches_tracked"


def load_strictly(
    network: nn.Module, name: str, state: Mapping[str, Tensor], source: str, heads: Collection[str] = ()
) -> None:
    """Load a state dict into a network whose names and shapes it must match.

    Counters of batches, which torch wrote from 0.4.1 on, may be missing. Where the state dict holds none of torch's
    metadata, it is taken to be of the present version of each layer.

    Args:
        network: The network, changed in place.
        name: What the user calls it, for the error message.
        state: Names to tensors.
        source: Where the state comes from, for the error message.
        heads: Names of the classification layers, which keep their own values where the state has none for them or
            another number of classes.

    Raises:
        UserError: If anything else differs; the message counts and names it.
    """
    own = network.state_dict()
    kept = [key for key in own if key not in state and key.endswith(COUNTER)]
    kept += [key for head in heads for key in _other_head(own, state, f"{head}.")]
    whole = OrderedDict({**state, **{key: own[key] for key in kept}})
    # Layers look there for the version they were saved by; MNASNet refuses to load without it.
    whole._metadata = getattr(state, "_metadata", None) or getattr(own, "_metadata", None)  # type: ignore[attr-defined]
    try:
        network.load_state_dict(whole, strict=True)
    except Exception as error:  # layers that convert an older version raise what they like
        differences = {
            "missing": [key for key in own if key not in whole],
            "not in the network": [key for key in whole if key not in own],
            "of another shape": [key for key in own if key in whole and whole[key].shape != own[key].shape],
        }
        described = ", ".join(f"{len(keys)} {what} ({first_of(keys)})" for what, keys in differences.items() if keys)
        raise UserError(
            f"the weights in {source} do not fit {name}: {described or said_by(error)}; "
            "name the backbone they were made for, or other weights."
        ) from error


def _other_head(own: Mapping[str, Tensor], state: Mapping[str, Tensor], prefix: str) -> list[str]:
    """Parameters of a classification layer that the state has for another number of classes, or not at all."""
    keys = [key for key in own if key.startswith(prefix)]
    if not any(key in state for key in keys):
        return keys
    return [key for key in keys if key in state and _other_rows(own[key], state[key])]


def _other_rows(own: Tensor, given: Tensor) -> bool:
    return given.ndim == own.ndim > 0 and given.shape[1:] == own.shape[1:] and len(given) != len(own)
