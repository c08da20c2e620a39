"""The features whose change `--embedding` measures: which layers give them, and which models have none."""

from collections.abc import Sequence

import torch
from pytorch_lightning.utilities import rank_zero_info
from torch import nn

from lit_invariance.evaluation.models import Classifier, Model
from lit_invariance.evaluation.own_network import OwnNetwork
from lit_invariance.execution.device import device_of
from lit_invariance.execution.executor import Executor
from lit_invariance.execution.features import WithFeatures
from lit_invariance.execution.replica import replica
from lit_invariance.models.classification_layer import layers_with
from lit_invariance.protocols.window import sides


def with_features(model: Model) -> tuple[nn.Module, int] | None:
    """Make a copy of a model that gives its penultimate features along with its logits.

    Args:
        model: It is not changed.

    Returns:
        The copy, and the number of features; None for a model of several passes, or without a classification layer that
        runs once in a pass.
    """
    if model.passes > 1:
        return None
    size = sides(model.classifier.preprocessing.size)
    try:
        network = replica(model.classifier)
        views = torch.full((2, 3, *size), 0.5, device=device_of(network))
        with torch.no_grad():
            outputs = network(views).shape[1]
            made = WithFeatures(network, _layers(network, outputs)).eval()
            return made, made(views).shape[1] - outputs
    except Exception:  # whatever a part of a foreign network raises that cannot be copied, or has no such layer
        return None


def _layers(network: Classifier, outputs: int) -> list[nn.Module]:
    heads = layers_with(network.backbone, outputs)[-1:] if isinstance(network, OwnNetwork) else network.heads
    return [network.backbone.get_submodule(head) for head in heads]


def tell_undefined(models: Sequence[Model], executors: Sequence[Executor]) -> None:
    """Say of which models no features can be compared.

    Args:
        models: The models.
        executors: What runs them.
    """
    for model, executor in zip(models, executors, strict=True):
        if not executor.features:
            reason = (
                "takes several passes for a picture" if model.passes > 1 else "has no layer that shows its features"
            )
            rank_zero_info(f"embedding:   {model.name} {reason}; its embedding scores are undefined")
