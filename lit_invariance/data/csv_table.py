"""Data set `csv`: a table with the path, the label and, if wanted, the part of each picture."""

import csv
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from lit_invariance.data.class_order import ClassMap, label_order
from lit_invariance.data.images import decode
from lit_invariance.data.listed_pictures import Part, Parts
from lit_invariance.data.parts import role_of
from lit_invariance.data.source import Splits
from lit_invariance.errors import UserError
from lit_invariance.names import printable

NEEDED, PART = ("path", "label"), "split"


def load_csv(
    root: str | None,
    val_root: str | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    boxes: str | None = None,
    class_map: ClassMap | None = None,
    outputs: int | None = None,
) -> Splits:
    """Open the pictures that a table lists.

    Args:
        root: The table, see `read_table`.
        val_root: Another one with the validation images, if there is one.
        val_fraction: Share of the images for validation if no part is for it.
        seed: Names that share.
        boxes: Folder of the validation images' bounding boxes, see `BoxFiles`.
        class_map: Label to output.
        outputs: Number of outputs of the model, where it is known.

    Returns:
        The two splits.

    Raises:
        UserError: If a table is missing or malformed, or a file that it names is missing.
    """
    if root is None:
        raise UserError("csv needs the table of the pictures; set --data.root FILE.csv.")
    parts = read_table(Path(root))
    if val_root is not None:
        parts = parts.validated_on(read_table(Path(val_root)))
    order = partial(label_order, wanted=outputs, class_map=class_map)
    return parts.splits(order, val_fraction, seed, boxes)


def read_table(path: Path) -> Parts:
    """Read which pictures a table lists.

    Args:
        path: A CSV file whose first line names its columns: `path`, relative to the table's folder; `label`, a number
            or a name; perhaps `split`, `train`, `val` or `test`. Other columns are passed over.

    Returns:
        The pictures of each part, in the order of the lines.

    Raises:
        UserError: If the table cannot be read, lacks a column or an entry, names a picture twice or a file that does
            not exist.
    """
    parts: dict[str, list[tuple[str, str]]] = {}
    seen: dict[str, int] = {}
    try:
        # The names of files need not be UTF-8.
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            table = csv.DictReader(file, skipinitialspace=True, strict=True)
            _check_columns(table.fieldnames or ())
            for row in table:
                picture = _picture(row, path.parent)
                if picture in seen:
                    raise ValueError(f"it is the picture of line {seen[picture]} once more")
                seen[picture] = table.line_num
                parts.setdefault(_part(row), []).append((row["label"].strip(), picture))
            if not seen:
                raise ValueError("it lists no picture")
    except OSError as error:
        raise UserError(f"the table {printable(path)} cannot be read ({error.strerror}); check --data.root.") from error
    except (ValueError, csv.Error) as error:
        line = f", line {table.line_num}" if table.line_num > 1 else ""
        raise UserError(
            f"the table {printable(path)} cannot be used{line}: {error}; write the columns path,label or "
            "path,label,split, and a line for each picture."
        ) from error
    return Parts({role: Part(samples, printable(path)) for role, samples in parts.items()}, decode, of_files=True)


def _check_columns(found: Sequence[str]) -> None:
    absent = [column for column in NEEDED if column not in found]
    if absent:
        shown = printable(",".join(found))[:80]
        raise ValueError(f"its first line is '{shown}' and lacks {' and '.join(absent)}")


def _picture(row: Mapping[str, str], folder: Path) -> str:
    for column in NEEDED:
        if not (row[column] or "").strip():
            raise ValueError(f"its {column} is empty")
    path = os.path.join(folder, row["path"].strip())
    if not os.path.isfile(path):
        raise ValueError(f"there is no file {printable(path)}")
    return path


def _part(row: Mapping[str, str]) -> str:
    if PART not in row:
        return "all"
    role = role_of((row[PART] or "").strip())
    if role is None:
        raise ValueError(f"its split is '{printable(row[PART] or '')}', not train, val or test")
    return role
