"""What is measured: networks and pictures, real ones where they are at hand."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
import torchvision
from PIL import Image
from torch import nn

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.model_sources import ModelSource
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.own_network import OwnNetwork
from lit_invariance.experiments.benchmark.answer import Scale
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.models.small_resnet import SmallResNet

CLASSES = 1000
WEIGHTS = {"mobilenet_v2": "mobilenet_v2-eadb7c0d.pth"}
PICTURES = "imagenet_val"


def network(name: str, scale: Scale) -> nn.Module:
    """Make a network of torchvision, with published weights if they are at hand, in channels_last.

    Args:
        name: As torchvision names it.
        scale: In the small, a tiny network takes its place.
    """
    torch.manual_seed(0)
    if scale.small:
        return SmallResNet(CLASSES, blocks=2, pool=True).eval()
    made: nn.Module = getattr(torchvision.models, name)()
    file = None if scale.data is None or name not in WEIGHTS else scale.data / "weights" / WEIGHTS[name]
    if file is not None and file.is_file():
        made.load_state_dict(torch.load(file, weights_only=True))
    return made.eval().to(memory_format=torch.channels_last)


def side(scale: Scale) -> int:
    """Side of the networks' input in pixels."""
    return 32 if scale.small else 224


def models(names: Sequence[str], scale: Scale) -> list[Model]:
    """Make models ready for an evaluation; a name may occur more than once."""
    preprocessing = Preprocessing(size=side(scale))
    return [
        Model(ModelSource(f"{name} {number}", name), OwnNetwork(network(name, scale), preprocessing).eval())
        for number, name in enumerate(names)
    ]


def pictures(count: int, scale: Scale, size: int | None = None) -> EvaluationData:
    """Open pictures: real ones of ImageNet where they are at hand, else drawn ones.

    Args:
        count: How many.
        scale: Where real ones are.
        size: Side of drawn pictures, which are taken if it is given.
    """
    folder = None if scale.data is None or scale.small or size is not None else scale.data / PICTURES
    if folder is not None and folder.is_dir():
        make = partial(InvarianceData, dataset="image_folder", root=str(folder), val_fraction=1.0, max_images=count)
    else:
        drawn = {"val_images": count, "size": size or side(scale)}
        make = partial(InvarianceData, dataset="shapes", image_size=size or side(scale), shapes=drawn)
    return EvaluationData.of(make(batch_size=32))


def files(count: int, scale: Scale, folder: Path) -> list[Path]:
    """Return picture files: real ones, or drawn ones that are written into a folder."""
    real = [] if scale.data is None or scale.small else sorted((scale.data / PICTURES).glob("*/*.JPEG"))[:count]
    if real:
        return real
    source = pictures(count, scale).images.source
    written = [folder / f"{number}.jpg" for number in range(count)]
    for number, path in enumerate(written):
        Image.fromarray(source[number][0].permute(1, 2, 0).numpy()).save(path)
    return written
