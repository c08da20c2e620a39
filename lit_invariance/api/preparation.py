"""What `preprocessing` may be, brought to one form: the geometry of the pictures, and what makes input of them."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from lit_invariance.errors import UserError
from lit_invariance.mitigations.inference.wrapper import InferenceWrapper
from lit_invariance.models.own_recipe import read_recipe, usual_recipe
from lit_invariance.models.preprocessing import Preprocessing

Prepare = Callable[[Tensor], Any]
RESIZING = ("Resize", "CenterCrop", "RandomCrop", "RandomResizedCrop", "FiveCrop", "TenCrop", "ToTensor", "PILToTensor")


def find_preprocessing(name: str, network: Any, given: Any) -> tuple[Preprocessing, Prepare | None]:
    """Tell how pictures become a network's input.

    Args:
        name: What the user calls the network.
        network: The network.
        given: The argument `preprocessing` of `evaluate`.

    Returns:
        Size, interpolation and normalisation; and what prepares the pictures in place of that normalisation, if any.

    Raises:
        UserError: If it is none of the forms that `evaluate` takes.
    """
    if given is None:
        while isinstance(network, InferenceWrapper):
            network = network.network
        return usual_recipe(name, network, "set preprocessing="), None
    recipe = read_recipe(given)
    if recipe is not None:
        return recipe, None
    if not callable(given):
        raise UserError(
            f"preprocessing is {given!r}; give (mean, std), a function of pictures in [0, 1], the transforms of "
            "torchvision's weights, or timm's data configuration."
        )
    for step in getattr(given, "transforms", ()):
        if type(step).__name__ in RESIZING:
            raise UserError(
                f"preprocessing holds {type(step).__name__}, but views are tensors of the network's size, which must "
                "not be resized or cropped again; give the normalisation alone, as (mean, std)."
            )
    return Preprocessing(), given
