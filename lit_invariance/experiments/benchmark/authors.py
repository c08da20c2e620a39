"""The authors' released loop, written anew from its description: one picture at a time, two passes for each pair."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import v2

from lit_invariance.constants import IMAGENET_MEAN, IMAGENET_STD

MARGIN = 10


def loop(network: nn.Module, files: Sequence[Path], pairs: int, size: int) -> tuple[float, float]:
    """Compare neighbouring windows of a random crop as `CheckTranslationInvariance.py` does.

    The picture is cropped and resized to S + 10, normalised, and for each pair two S x S windows, one pixel apart on
    the diagonal, pass through the network in batches of one.

    Args:
        network: In evaluation mode.
        files: The pictures.
        pairs: Pairs for each of them, up to 8.
        size: Side S of the windows, in pixels.

    Returns:
        The share of pairs whose top class changes, and the mean absolute change of its probability.
    """
    prepare = v2.Compose(
        [
            v2.RandomResizedCrop(size + MARGIN, (1.0, 1.0)),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    changes, moves = [], []
    with torch.no_grad():
        for file in files:
            picture = prepare(Image.open(file).convert("RGB"))
            for place in range(pairs):
                change, move = compare(network, picture, place, size)
                changes.append(change)
                moves.append(move)
    return sum(changes) / len(changes), sum(moves) / len(moves)


def compare(network: nn.Module, picture: Tensor, place: int, size: int) -> tuple[float, float]:
    """Compare one pair of neighbouring windows, each in a batch of one.

    Args:
        network: In evaluation mode.
        picture: `(3, H, W)`, normalised.
        place: First row and column of the first window; the second is one pixel further on the diagonal.
        size: Side S of the windows, in pixels.

    Returns:
        1 if the top class changes, else 0; and the absolute change of its probability.
    """
    first, second = (_probabilities(network, picture, place + step, size) for step in range(2))
    top = int(first.argmax())
    return float(top != int(second.argmax())), float((first[top] - second[top]).abs())


def _probabilities(network: nn.Module, picture: Tensor, place: int, size: int) -> Tensor:
    window = picture[:, place : place + size, place : place + size]
    logits: Tensor = network(window[None])
    return logits.softmax(1)[0]
