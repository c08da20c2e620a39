"""Bounding boxes of a whole data set, each with its class and the size of its image: VOC XML, COCO JSON and CSV."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from tqdm import tqdm  # type: ignore[import-untyped]

from lit_invariance.errors import UserError
from lit_invariance.protocols.protocol import Box

PROGRESS_AFTER = 3.0  # seconds
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
    """Read the boxes of a data set, in the format that the path tells.

    Args:
        path: A folder of Pascal VOC files (`.xml`, in folders of their own or not), a COCO file (`.json`), or a table
            (`.csv`) with the columns filename, width, height, class, xmin, ymin, xmax and ymax.

    Returns:
        The boxes in the order of the file, or of the files' names.

    Raises:
        UserError: If a file cannot be read, its format is unknown, or an entry is incomplete.
    """
    reader = _read_voc if Path(path).is_dir() else FORMATS.get(Path(path).suffix.lower())
    if reader is None:
        known = " or ".join(FORMATS)
        raise UserError(f"the boxes {path} are in no known format; give a folder, or a file that ends in {known}.")
    try:
        return reader(Path(path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else error
        raise UserError(f"the boxes {path} cannot be read ({reason}); mend or replace the file.") from error


def _read_voc(folder: Path) -> list[AnnotatedBox]:
    """Read a folder of Pascal VOC files, as ImageNet's are: pixels count from 1, and both ends are in."""
    files = sorted(folder.rglob("*.xml"))
    if not files:
        raise ValueError("the folder holds no .xml file")
    boxes = []
    for file in tqdm(files, desc="reading boxes", delay=PROGRESS_AFTER, leave=False, disable=None):
        try:
            boxes += _voc_objects(ElementTree.parse(file).getroot(), str(file.relative_to(folder).with_suffix("")))
        except (ElementTree.ParseError, ValueError, TypeError) as error:
            reason = "it lacks a number" if isinstance(error, TypeError) else error
            raise ValueError(f"{file}: {reason}") from error
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
    """Read COCO's object annotations: `bbox` is [x, y, width, height]; crowds are no single object and left out."""
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
    """Read a table with a line for each box, whose columns are `COLUMNS`; others are passed over."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        absent = [column for column in COLUMNS if column not in (table.fieldnames or ())]
        if absent:
            raise ValueError(f"its first line names no column {', '.join(absent)}")
        return [_from_row(row) for row in table]


def _from_row(row: Mapping[str, str]) -> AnnotatedBox:
    left, top, right, bottom = (float(row[edge]) for edge in COLUMNS[4:])
    size = float(row["width"]), float(row["height"])
    return AnnotatedBox(row["filename"], row["class"], *size, (left, top, right, bottom))


FORMATS: dict[str, Callable[[Path], list[AnnotatedBox]]] = {".json": _read_coco, ".csv": _read_csv}
