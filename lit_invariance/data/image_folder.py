"""Data set `image_folder`: any directory with one folder of pictures for each class."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lit_invariance.data.boxes import BoxFiles
from lit_invariance.data.class_folders import Listing, class_folders, list_images
from lit_invariance.data.class_order import ClassMap, ClassOrder, class_order
from lit_invariance.data.images import decode
from lit_invariance.data.listed_pictures import ListedPictures, counted
from lit_invariance.data.parts import parts_of, refuse_parts
from lit_invariance.data.source import Splits
from lit_invariance.data.stratified import stratified_choice
from lit_invariance.errors import UserError
from lit_invariance.names import printable


class Folders(NamedTuple):
    """Where the two parts of a data set are.

    Attributes:
        training: The directory of the class folders to train on; None if there is none.
        validation: The directory of those to validate on; None if a share of the training images is used.
        note: A remark on folders that are used for neither.
    """

    training: Path | None
    validation: Path | None
    note: str = ""


def load_image_folder(
    root: str | None,
    val_root: str | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    boxes: str | None = None,
    class_map: ClassMap | None = None,
    outputs: int | None = None,
) -> Splits:
    """Find the pictures of a data set of class folders.

    Parts of a data set are known by the usual names of their folders: `train`, `Training`, `training_set`; `val`,
    `valid`, `Validation`; `test`, `test_set` and the like. Validation images are those of `val_root` where given, else
    of the part to validate on, else of the part to test on, else a random share of the training images, even over
    classes. Training images are those of the part to train on, or of `root` itself where its folders are classes.

    Args:
        root: The directory.
        val_root: Another directory, with validation images in class folders of the same names.
        val_fraction: Share of the images for validation if there is no validation folder, in (0, 1]; with 1 none
            are left to train on.
        seed: Names the random share.
        boxes: Folder of the validation images' bounding boxes, see `BoxFiles`.
        class_map: Class folder to output; without it `class_order` decides.
        outputs: Number of outputs of the model, where it is known.

    Returns:
        The two splits; training images are looked for only when asked for.

    Raises:
        UserError: If a directory is missing, has no class folders or an empty one, the two disagree on classes, what is
            a part and what a class cannot be told, or the boxes are of other images.
    """
    if root is None:
        raise UserError("image_folder needs the directory of the class folders; set --data.root DIR.")
    order = partial(class_order, wanted=outputs, class_map=class_map)
    folders = find_folders(Path(root), None if val_root is None else Path(val_root))
    if folders.validation is not None:
        return _two_folders(folders, order, boxes)
    return _one_folder(folders, val_fraction, seed, order, boxes)


def find_folders(root: Path, val_root: Path | None = None) -> Folders:
    """Find where the two parts of a data set are.

    Args:
        root: Its directory.
        val_root: Another one with the validation images, if there is one.

    Raises:
        UserError: If two folders serve for the same, or the one to validate on holds no class folders.
    """
    parts = parts_of(root)
    if not parts:
        return Folders(root, val_root)
    training = _single(parts.get("train", []), "--data.root")
    if val_root is not None:
        return Folders(training, val_root)
    # Without a part to validate on, the published test part does, as the literature reports.
    role = "val" if "val" in parts else "test"
    held_out = _single(parts.get(role, []), "--data.val_root")
    if held_out is not None and class_folders(held_out):
        others = [path.name for found in parts.values() for path in found if path not in (training, held_out)]
        note = f" (not used: {', '.join(map(printable, others))})" if others else ""
        return Folders(training, held_out, note)
    if role == "val" and held_out is not None:
        raise UserError(
            f"{printable(held_out)} holds no class folders, so the classes of its pictures are unknown; put them into "
            "class folders like the training pictures, or name another directory with --data.val_root."
        )
    note = "" if held_out is None else f" (not used: {printable(held_out.name)}, which holds no class folders)"
    return Folders(training, None, note)


def _single(folders: list[Path], option: str) -> Path | None:
    if len(folders) > 1:
        names = " and ".join(printable(folder.name) for folder in folders)
        raise UserError(
            f"{printable(folders[0].parent)} holds {names}, and it is not clear which of them is meant; name one with "
            f"{option}."
        )
    return folders[0] if folders else None


def _listed(directory: Path) -> Listing:
    refuse_parts(directory)
    return list_images(directory)


def _two_folders(folders: Folders, order: Callable[[set[str]], ClassOrder], boxes: str | None) -> Splits:
    training, validation = folders.training, folders.validation
    assert validation is not None
    held_out = _listed(validation)
    names = {name for name, _ in held_out.samples}
    to_train = set() if training is None else set(class_folders(training))
    if to_train and not names <= to_train:
        stranger = printable(validation / min(names - to_train))
        raise UserError(f"the class folder {stranger} has no counterpart in {training}; add or remove it.")
    outputs, class_names = order(names | to_train)
    source = _files(held_out, outputs, f"{printable(validation)}{folders.note}", boxes)
    return Splits(class_names, source, partial(_all, training, validation, outputs))


def _all(training: Path | None, validation: Path, outputs: ClassMap) -> ListedPictures:
    if training is None:
        raise UserError(f"beside {printable(validation)} there is no data folder train; there is nothing to train on.")
    return _files(_listed(training), outputs, printable(training))


def _one_folder(
    folders: Folders, val_fraction: float, seed: int, order: Callable[[set[str]], ClassOrder], boxes: str | None
) -> Splits:
    if not 0 < val_fraction <= 1:
        raise UserError(f"val_fraction is {val_fraction}; it must be above 0 and at most 1.")
    if folders.training is None:
        raise UserError(f"there are no images to validate on{folders.note}; name them with --data.val_root.")
    directory, listing = folders.training, _listed(folders.training)
    chosen = stratified_choice([name for name, _ in listing.samples], val_fraction, seed)
    outputs, class_names = order({name for name, _ in listing.samples})
    held_out = [sample for sample, is_chosen in zip(listing.samples, chosen, strict=True) if is_chosen]
    rest = [sample for sample, is_chosen in zip(listing.samples, chosen, strict=True) if not is_chosen]
    drawn = f", drawn at random ({val_fraction:.0%})" if rest else ""
    where = f"{printable(directory)}{drawn}{folders.note}"
    source = _files(Listing(held_out, listing.passed_over), outputs, where, boxes)
    fix = "set --data.val_fraction 0.1" if val_fraction == 1 else "add images, or set --data.val_root to others"
    return Splits(class_names, source, partial(_remaining, directory, rest, outputs, fix))


def _remaining(directory: Path, rest: list[tuple[str, str]], outputs: ClassMap, fix: str) -> ListedPictures:
    if not rest:
        raise UserError(
            f"all images of {printable(directory)} are used for validation and none is left for training; {fix}."
        )
    return _files(Listing(rest, Counter()), outputs, f"{printable(directory)}, those that do not validate")


def _files(listing: Listing, outputs: ClassMap, where: str, boxes: str | None = None) -> ListedPictures:
    paths, labels = [path for _, path in listing.samples], [outputs[name] for name, _ in listing.samples]
    folders = counted(len({name for name, _ in listing.samples}), "class folder")
    about = f"{counted(len(paths), 'image')} in {folders} of {where}{listing.remark}"
    return ListedPictures(paths, labels, decode, about, paths, None if boxes is None else BoxFiles(boxes, paths))
