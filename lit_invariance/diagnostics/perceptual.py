"""How similar two pictures look: embeddings whose squared distance is a perceptual distance."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import torch
import torchvision.models
from torch import Tensor, nn
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from lit_invariance.diagnostics.observing import observing
from lit_invariance.errors import UserError, unknown

LPIPS_NETWORKS = {
    "alex": torchvision.models.AlexNet_Weights.IMAGENET1K_V1,
    "squeeze": torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1,
    "vgg": torchvision.models.VGG16_Weights.IMAGENET1K_V1,
}
FINEST = 4  # subsampling from which maps are compared; finer ones would take most of the memory
SMALLEST = 1e-10


@dataclass(frozen=True)
class Embedding:
    """Turns pictures into vectors.

    Attributes:
        name: What the distance is, as reports say it.
        embed: Pictures `(N, 3, S, S)` in [0, 1] to vectors `(N, D)`; the distance of two pictures is the square of
            that of their vectors.
    """

    name: str
    embed: Callable[[Tensor], Tensor]


def choose_embedding(classify: Callable[[Tensor], Tensor], network: nn.Module, name: str) -> Embedding:
    """Return LPIPS if the weights of one of its networks are on disk, otherwise the deep features of a given network.

    Args:
        classify: Normalises pictures `(N, 3, S, S)` in [0, 1] and runs `network` on them.
        network: The network in evaluation mode.
        name: Its name.
    """
    on_disk = [known for known in LPIPS_NETWORKS if lpips_weights(known).is_file()]
    return lpips(on_disk[0]) if on_disk else deep_features(classify, network, name)


def deep_features(classify: Callable[[Tensor], Tensor], network: nn.Module, name: str) -> Embedding:
    """Compare pictures by what a network of the user's choice sees in them.

    At each resolution the last feature map is taken, its vector at every position scaled to length one, and the squared
    difference averaged over positions and added up over resolutions: Zhang et al., "The Unreasonable Effectiveness of
    Deep Features as a Perceptual Metric", CVPR 2018, equation 1, with all its learned weights at one.

    Args:
        classify: Normalises pictures `(N, 3, S, S)` in [0, 1] and runs `network` on them.
        network: The network in evaluation mode.
        name: Its name.
    """

    def embed(images: Tensor) -> Tensor:
        maps: dict[tuple[int, int], Tensor] = {}

        def see(layer: str, module: nn.Module, source: Tensor, output: Tensor) -> None:
            height, width = output.shape[2:]
            if height * width > 1 and FINEST * height <= images.shape[2] + FINEST:
                maps[height, width] = output

        with observing(network, see):
            classify(images)
        if not maps:
            raise ValueError(f"{name} has no feature maps at a quarter of the picture's size or less.")
        return torch.cat([_scaled(output) for output in maps.values()], dim=1)

    return Embedding(f"deep features of {name}", embed)


def lpips(network: str = "squeeze") -> Embedding:
    """Compare pictures by LPIPS 0.1 (Zhang et al., CVPR 2018), through torchmetrics.

    torchmetrics compares pictures pair by pair; here its network runs once a picture, and the learned weights become
    part of the embedding: sum w (a - b)^2 = |sqrt(w) a - sqrt(w) b|^2. LPIPS was made for pictures of 64 px; at 224 a
    vector of `squeeze` takes 6 MB.

    Args:
        network: `alex`, `squeeze` or `vgg`; torchmetrics holds the learned weights, torchvision's cache the network's.

    Raises:
        UserError: If there is no such network, or its weights are not on disk: nothing is downloaded.
    """
    if network not in LPIPS_NETWORKS:
        raise unknown("network of LPIPS", network, LPIPS_NETWORKS)
    file = lpips_weights(network)
    if not file.is_file():
        raise UserError(f"LPIPS needs {LPIPS_NETWORKS[network].url} as {file}; put it there, or use deep features.")
    metric: Any = LearnedPerceptualImagePatchSimilarity(network).net  # type: ignore[arg-type]

    @torch.no_grad()
    def embed(images: Tensor) -> Tensor:
        metric.to(images.device)
        maps = metric.net(metric.scaling_layer(2 * images - 1))
        weights = [line.model[-1].weight for line in metric.lins]
        return torch.cat([_scaled(part, weight) for part, weight in zip(maps, weights, strict=True)], dim=1)

    return Embedding(f"LPIPS ({network})", embed)


def lpips_weights(network: str) -> Path:
    """Return where torchvision keeps, or would keep, the weights of one of the networks of LPIPS."""
    url: str = LPIPS_NETWORKS[network].url
    return Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])


def _scaled(maps: Tensor, weights: Tensor | None = None) -> Tensor:
    """Scale the vector at each position to length one, and all of them so that their squares are averaged; `(N, D)`."""
    maps = maps.float()
    length = maps.square().sum(1, keepdim=True).sqrt()
    unit = maps / (length + SMALLEST) / sqrt(maps.shape[2] * maps.shape[3])
    return (unit if weights is None else unit * weights.clamp(min=0).sqrt()).flatten(1)
