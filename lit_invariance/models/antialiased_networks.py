"""The networks of Zhang's antialiased-cnns, an extra that is not for commercial use."""

from collections.abc import Callable
from functools import partial
from urllib.error import URLError

import torchvision.models
from pytorch_lightning.utilities import rank_zero_info
from torch import nn

from lit_invariance.errors import UserError, unknown
from lit_invariance.extras import optional
from lit_invariance.models.entry import Entry, State
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.models.torchvision_networks import convert_names


def antialiased_network(model: str, weights: str | None) -> Entry:
    """Describe a network of antialiased-cnns.

    Args:
        model: Name of the network, such as `resnet50`.
        weights: As in `create_backbone`.

    Raises:
        UserError: If the package is missing or has no network of that name.
    """
    antialiased_cnns = optional("antialiased_cnns", "antialiased", f"antialiased_cnns/{model}")
    known = set(torchvision.models.list_models(module=torchvision.models)) & set(vars(antialiased_cnns))
    if model not in known:
        raise unknown("backbone", f"antialiased_cnns/{model}", [f"antialiased_cnns/{other}" for other in known])
    network = getattr(antialiased_cnns, model)
    rank_zero_info("antialiased-cnns and its weights are licensed CC BY-NC-SA 4.0: not for commercial use.")
    return Entry(
        make=lambda num_classes: network(pretrained=False, num_classes=num_classes),
        published=partial(_weights, network, model, weights),
        # The release evaluates as torchvision's ImageNet example does: short side 256, centre crop 224, bilinear.
        preprocessing=Preprocessing(crop_pct=224 / 256, recipe=f"antialiased_cnns {model}"),
        convert=convert_names,
        classes=1000 if weights == "default" else None,
    )


def _weights(make: Callable[..., nn.Module], model: str, weights: str | None) -> State:
    if weights != "default":
        raise unknown(f"weights of antialiased_cnns/{model}", str(weights), ["default"])
    try:
        return make(pretrained=True).state_dict()
    except (URLError, OSError) as error:
        raise UserError(
            f"the weights of antialiased_cnns/{model} cannot be downloaded ({error}); their host is often "
            "unreachable: give weights as the path of a local file."
        ) from error
