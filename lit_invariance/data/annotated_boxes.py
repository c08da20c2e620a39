"""Bounding boxes of a whole data set, each with its class and the size of its image: VOC XML, COCO JSON and CSV."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from tqdm import tqdm  # type: ignore[import-untyped]

from lit_invariance.errors import UserError
from lit_invariance.names import printable
from lit_invariance.protocols.protocol import Box

PROGRESS_AFTER = 3.0  # seconds
MOST = 1e9  # pixels; beyond it a number is a mistake
LONGEST_REASON = 200  # letters
COLUMNS = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")


class AnnotatedBox(NamedTuple):
    """An object in an image.

    Attributes:
        image: Name of the image, unique in its data set.
        label: Name of the class.
        width: Columns of the image.
        height: Rows of the image.
        box: Left, top, right and bottom edge, in pixels; the image's own are 0, 0, `width` and `height`.
    """

    image: str
    label: str
    width: float
    height: float
    box: Box


def read_annotated_boxes(path: str | Path) -> list[AnnotatedBox]:
    """Read the boxes of a data set, in the format that the path indicates.

    Args:
        path: A folder of Pascal VOC files (`.xml`, in folders of their own or not), a COCO file (`.json`), or a table
            (`.csv`) with the columns filename, width, height, class, xmin, ymin, xmax and ymax.

    Returns:
        The boxes in the order of the file, or of the files' names.

    Raises:
        UserError: If a file cannot be read, its format is unknown, an entry is incomplete, a number is not finite, or a
            box has no area.
    """
    reader = _read_voc if Path(path).is_dir() else FORMATS.get(Path(path).suffix.lower())
    if reader is None:
        known = " or ".join(FORMATS)
        raise UserError(
            f"the boxes {printable(path)} have no known format; give a folder, or a file that ends in {known}."
        )
    try:
        boxes = reader(Path(path))
        for box in boxes:
            _check(box)
    except Exception as error:  # what a damaged table, JSON or XML file raises is open-ended: depth, encodings, types
        raise UserError(f"the boxes {printable(path)} cannot be read ({_reason(error)}); fix the file.") from error
    return boxes


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"'{error.args[0]}' is missing"
    if isinstance(error, RecursionError):
        return "its parts lie too deep in each other"
    return " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__


def _check(box: AnnotatedBox) -> None:
    """Refuse an invalid box.

    Raises:
        ValueError: If a number is not finite or beyond all pictures, or the box or its image has no area.
    """
    left, top, right, bottom = box.box
    if not all(abs(value) <= MOST for value in (box.width, box.height, *box.box)):
        raise ValueError(f"a number of image {printable(box.image)} is not finite, or above {MOST:g}")
    if min(box.width, box.height) <= 0 or left >= right or top >= bottom:
        raise ValueError(f"a box of image {printable(box.image)}, or the image, has no area")


def _read_voc(folder: Path) -> list[AnnotatedBox]:
    """Read a folder of Pascal VOC files, as ImageNet's are: pixels count from 1, and both ends are in."""
    files = sorted(folder.rglob("*.xml"))
    if not files:
        raise ValueError("the folder holds no .xml file")
    boxes = []
    for file in tqdm(files, desc="reading boxes", delay=PROGRESS_AFTER, leave=False, disable=None):
        try:
            boxes += _voc_objects(ElementTree.parse(file).getroot(), str(file.relative_to(folder).with_suffix("")))
        except Exception as error:
            reason = "it lacks a number" if isinstance(error, TypeError) else error
            raise ValueError(f"{printable(file)}: {reason}") from error
    return boxes


def _voc_objects(root: ElementTree.Element, image: str) -> list[AnnotatedBox]:
    size = _numbers(root, "size", "width", "height")
    boxes = []
    for element in root.iterfind("object"):
        left, top, right, bottom = _numbers(element, "bndbox", "xmin", "ymin", "xmax", "ymax")
        box = (left - 1, top - 1, right, bottom)
        boxes.append(AnnotatedBox(image, element.findtext("name", ""), size[0], size[1], box))
    return boxes


def _numbers(element: ElementTree.Element, part: str, *names: str) -> list[float]:
    return [float(element.findtext(f"{part}/{name}")) for name in names]  # type: ignore[arg-type]  # None is a TypeError


def _read_coco(path: Path) -> list[AnnotatedBox]:
    """Read COCO's object annotations: `bbox` is [x, y, width, height]; crowds are not single objects and skipped."""
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    images = {image["id"]: image for image in content["images"]}
    names = {category["id"]: str(category["name"]) for category in content["categories"]}
    boxes = []
    for entry in content["annotations"]:
        if entry.get("iscrowd"):
            continue
        image = images[entry["image_id"]]
        left, top, width, height = (float(value) for value in entry["bbox"])
        box = (left, top, left + width, top + height)
        size = float(image["width"]), float(image["height"])
        boxes.append(AnnotatedBox(str(image["id"]), names[entry["category_id"]], *size, box))
    return boxes


def _read_csv(path: Path) -> list[AnnotatedBox]:
    """Read a table with one line per box and the columns `COLUMNS`; other columns are ignored."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        absent = [column for column in COLUMNS if column not in (table.fieldnames or ())]
        if absent:
            raise ValueError(f"its first line lacks the column {', '.join(absent)}")
        try:
            return [_from_row(row) for row in table]
        except (TypeError, ValueError) as error:
            raise ValueError(f"line {table.line_num} lacks a number") from error


def _from_row(row: Mapping[str, str]) -> AnnotatedBox:
    left, top, right, bottom = (float(row[edge]) for edge in COLUMNS[4:])
    size = float(row["width"]), float(row["height"])
    return AnnotatedBox(row["filename"], row["class"], *size, (left, top, right, bottom))


FORMATS: dict[str, Callable[[Path], list[AnnotatedBox]]] = {".json": _read_coco, ".csv": _read_csv}
