"""Data set `image_folder`: any directory with one folder of pictures for each class."""

from functools import partial
from pathlib import Path

from torch import Tensor

from lit_invariance.data.boxes import BoxFiles
from lit_invariance.data.class_folders import Listing, class_folders, list_images
from lit_invariance.data.images import decode
from lit_invariance.data.source import Splits
from lit_invariance.data.stratified import stratified_choice
from lit_invariance.data.synsets import imagenet_classes, imagenet_outputs
from lit_invariance.errors import UserError


class ImageFiles:
    """Picture files, decoded when asked for.

    Args:
        listing: Pairs of class folder name and path.
        outputs: Class folder name to label.
        boxes: Folder of bounding boxes, if there is one.

    Attributes:
        boxes: Position to box or None; see `BoxFiles`. None without a folder of boxes.

    Raises:
        UserError: If the folder of boxes is missing, or holds a box of none of the pictures.
    """

    def __init__(self, listing: Listing, outputs: dict[str, int], boxes: str | None = None) -> None:
        self.paths = [path for _, path in listing]
        self.labels = [outputs[name] for name, _ in listing]
        self.boxes = None if boxes is None else BoxFiles(boxes, self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return decode(self.paths[index]), self.labels[index]


def load_image_folder(
    root: str | None,
    val_root: str | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    boxes: str | None = None,
) -> Splits:
    """Find the pictures of a data set of class folders.

    Validation images are those of `val_root` where given, else of the folder `val` in `root` where that holds class
    folders, else a random share of the training images, even over classes. Training images are those of the folder
    `train` in `root` where that holds class folders, else of `root` itself. If all class folders bear names of
    ILSVRC2012 synsets, labels are the outputs 0 to 999 of ImageNet networks, for any subset of them; otherwise classes
    are the folder names in sorted order.

    Args:
        root: The directory.
        val_root: Another directory, with validation images in class folders of the same names.
        val_fraction: Share of the images that validate where they have no folder of their own, in (0, 1]; with 1 none
            are left to train on.
        seed: Names the random share.
        boxes: Folder of the validation images' bounding boxes, see `BoxFiles`.

    Returns:
        The two splits; training images are looked for only when asked for.

    Raises:
        UserError: If a directory is missing, has no class folders or an empty one, the two disagree on classes, or the
            boxes are of other images.
    """
    if root is None:
        raise UserError("image_folder needs the directory of the class folders; set --data.root DIR.")
    training = Path(root, "train") if class_folders(Path(root, "train")) else Path(root)
    if val_root is not None:
        return _two_folders(training, Path(val_root), boxes)
    if class_folders(Path(root, "val")):
        return _two_folders(Path(root, "train"), Path(root, "val"), boxes)
    return _one_folder(training, val_fraction, seed, boxes)


def _two_folders(training: Path, validation: Path, boxes: str | None) -> Splits:
    held_out = list_images(validation)
    names = {name for name, _ in held_out}
    to_train = set(class_folders(training))
    if to_train and not names <= to_train:
        stranger = min(names - to_train)
        raise UserError(f"the class folder {validation / stranger} has no counterpart in {training}; add or remove it.")
    outputs, class_names = _classes(names | to_train)
    return Splits(class_names, ImageFiles(held_out, outputs, boxes), lambda: ImageFiles(list_images(training), outputs))


def _one_folder(directory: Path, val_fraction: float, seed: int, boxes: str | None) -> Splits:
    if not 0 < val_fraction <= 1:
        raise UserError(f"val_fraction is {val_fraction}; it must lie above 0 and not above 1.")
    listing = list_images(directory)
    chosen = stratified_choice([name for name, _ in listing], val_fraction, seed)
    outputs, class_names = _classes({name for name, _ in listing})
    held_out = [sample for sample, is_chosen in zip(listing, chosen, strict=True) if is_chosen]
    rest = [sample for sample, is_chosen in zip(listing, chosen, strict=True) if not is_chosen]
    return Splits(class_names, ImageFiles(held_out, outputs, boxes), partial(_remaining, directory, rest, outputs))


def _remaining(directory: Path, listing: Listing, outputs: dict[str, int]) -> ImageFiles:
    if not listing:
        raise UserError(f"all images of {directory} validate, none is left to train on; set --data.val_fraction 0.1.")
    return ImageFiles(listing, outputs)


def _classes(names: set[str]) -> tuple[dict[str, int], list[str]]:
    """Return the output of each class folder and the names of all outputs."""
    if names <= imagenet_outputs().keys():
        return imagenet_outputs(), list(imagenet_classes().values())
    ordered = sorted(names)
    return {name: output for output, name in enumerate(ordered)}, ordered
