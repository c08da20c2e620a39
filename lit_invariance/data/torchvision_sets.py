"""Torchvision's data sets by name, read from disk and fetched only on request."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import datasets

from lit_invariance.data.held import HeldImages
from lit_invariance.data.image_folder import load_image_folder
from lit_invariance.data.images import naming, open_picture, to_rgb
from lit_invariance.data.source import Source, Splits
from lit_invariance.errors import UserError
from lit_invariance.names import printable

IMAGENETTE_FOLDERS = ("imagenette2", "imagenette2-320", "imagenette2-160")


@dataclass(frozen=True)
class TorchvisionSet:
    """How torchvision names the parts of one data set.

    Attributes:
        make: Torchvision's class.
        train: Arguments that choose the training images.
        val: Arguments that choose the images to validate on: the published test split, as the literature reports.
        classes: Number of classes.
        files: The files that must be in the root folder.
        held: Whether torchvision's object holds all pictures in memory, as `data` (N, H, W, 3) and `targets`.
    """

    make: Callable[..., Any]
    train: dict[str, Any]
    val: dict[str, Any]
    classes: int
    files: str
    held: bool = False


SETS: dict[str, TorchvisionSet] = {
    "CIFAR10": TorchvisionSet(
        datasets.CIFAR10,
        {"train": True},
        {"train": False},
        10,
        "cifar-10-batches-py (from cifar-10-python.tar.gz)",
        True,
    ),
    "CIFAR100": TorchvisionSet(
        datasets.CIFAR100,
        {"train": True},
        {"train": False},
        100,
        "cifar-100-python (from cifar-100-python.tar.gz)",
        True,
    ),
    "STL10": TorchvisionSet(
        datasets.STL10, {"split": "train"}, {"split": "test"}, 10, "stl10_binary (from stl10_binary.tar.gz)"
    ),
    "OxfordIIITPet": TorchvisionSet(
        datasets.OxfordIIITPet,
        {"split": "trainval"},
        {"split": "test"},
        37,
        "oxford-iiit-pet with images and annotations (from images.tar.gz and annotations.tar.gz)",
    ),
    "Flowers102": TorchvisionSet(
        datasets.Flowers102,
        {"split": "train"},
        {"split": "test"},
        102,
        "flowers-102 with jpg (from 102flowers.tgz), imagelabels.mat and setid.mat",
    ),
    "Food101": TorchvisionSet(
        datasets.Food101, {"split": "train"}, {"split": "test"}, 101, "food-101 (from food-101.tar.gz)"
    ),
}


class TorchvisionImages:
    """One part of a torchvision data set as decoded images.

    Args:
        name: Its name, for error messages.
        dataset: Torchvision's object, giving pairs of Pillow image and label.
        classes: Number of classes.

    Attributes:
        paths: None, since not every set has a file for each image.
        boxes: None.
        about: How many images these are, and where.
    """

    paths: None = None
    boxes: None = None

    def __init__(self, name: str, dataset: Any, classes: int) -> None:
        self.name, self.dataset = name, dataset
        self.about = _about(name, dataset, classes)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with naming(f"{index} of {self.name} in {self.dataset.root}"):
            image, label = self.dataset[index]
            return to_rgb(image), int(label)


def _about(name: str, dataset: Any, classes: int) -> str:
    return f"{len(dataset)} images of {classes} classes in {printable(dataset.root)} ({name})"


def _images(name: str, spec: TorchvisionSet, dataset: Any) -> Source:
    if not spec.held:
        return TorchvisionImages(name, dataset, spec.classes)
    images = torch.from_numpy(dataset.data).permute(0, 3, 1, 2).contiguous()
    return HeldImages(images, np.asarray(dataset.targets, dtype=np.int64), _about(name, dataset, spec.classes))


def load_torchvision_set(name: str, root: str | None, download: bool = False) -> Splits:
    """Open a data set of `SETS`.

    Args:
        name: A name of `SETS`.
        root: The folder that torchvision calls root.
        download: Fetch what is missing, or unpack an archive that lies there.

    Returns:
        The two splits; training images are opened when first asked for.

    Raises:
        UserError: If the files are missing, or cannot be fetched.
    """
    spec = SETS[name]
    val = _open(name, root, download, spec.files, spec.make, **spec.val)
    class_names = [str(entry) for entry in getattr(val, "classes", range(spec.classes))]
    return Splits(
        class_names=class_names,
        val=_images(name, spec, val),
        load_train=lambda: _images(name, spec, _open(name, root, download, spec.files, spec.make, **spec.train)),
    )


def load_imagenette(root: str | None, download: bool = False) -> Splits:
    """Open Imagenette in the largest size that lies in `root` (fetched: 320 pixels); labels are ImageNet's outputs."""
    place = Path(_required("Imagenette", root))
    if not any((place / folder).is_dir() for folder in IMAGENETTE_FOLDERS):
        files = f"{' or '.join(IMAGENETTE_FOLDERS)} (from the .tgz of that name)"
        _open("Imagenette", root, download, files, datasets.Imagenette, size="320px")
    found = next(folder for folder in IMAGENETTE_FOLDERS if (place / folder).is_dir())
    return load_image_folder(str(place / found))


def load_imagenet(root: str | None, download: bool = False, boxes: str | None = None) -> Splits:
    """Open ILSVRC2012 from `root/train` and `root/val`, unpacked from its archives if needed; it cannot be fetched."""
    place = Path(_required("ImageNet", root))
    files = "val with one folder for each synset, or ILSVRC2012_img_val.tar and ILSVRC2012_devkit_t12.tar.gz"
    if not (place / "val").is_dir():
        _open("ImageNet", root, False, files, datasets.ImageNet, split="val")
    if not (place / "train").is_dir() and (place / "ILSVRC2012_img_train.tar").is_file() and download:
        _open("ImageNet", root, False, files, datasets.ImageNet, split="train")
    return load_image_folder(str(place), boxes=boxes)


def _open(name: str, root: str | None, download: bool, files: str, make: Callable[..., Any], **split: Any) -> Any:
    root = _required(name, root)
    # Torchvision's ImageNet has no such argument.
    fetching = {"download": True} if download else {}
    # Some sets let the caller open their pictures; the others open files of archives whose checksums were compared.
    opening = {"loader": _loaded} if "loader" in inspect.signature(make).parameters else {}
    try:
        return make(root, **split, **fetching, **opening)
    except (OSError, RuntimeError, EOFError) as error:
        if download:
            raise UserError(f"{name} could not be fetched ({error}); put {files} into {root} by hand.") from error
        if "download" not in inspect.signature(make).parameters:
            raise UserError(f"{name} is not in {root}, and cannot be fetched; put {files} there.") from error
        raise UserError(
            f"{name} is not in {root}; put {files} there, or let it be fetched or unpacked with --data.download true."
        ) from error


def _loaded(path: str | Path) -> Image.Image:
    with naming(path):
        image = open_picture(path)
        image.load()
    return image


def _required(name: str, root: str | None) -> str:
    if root is None:
        raise UserError(f"{name} needs the folder of its files; set --data.root DIR.")
    return root


TORCHVISION_SETS: dict[str, Callable[[str | None, bool], Splits]] = {
    **{name: partial(load_torchvision_set, name) for name in SETS},
    "Imagenette": load_imagenette,
    "ImageNet": load_imagenet,
}
