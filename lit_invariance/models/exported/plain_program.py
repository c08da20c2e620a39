"""What a `.pt2` archive may hold: tensors and calls of torch's own operations.

`torch.export.load` unpickles objects, loads compiled libraries, looks functions up by any dotted name below `torch`,
and evaluates text as Python. A network needs none of that, and an archive that asks for it is refused unread.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from lit_invariance.errors import UserError

PARTS = re.compile(
    r"archive_format|archive_version|byteorder|\.data/\w+|\.format_version|\.storage_alignment|extra/[\w.-]+|"
    r"models/model\.json|data/sample_inputs/model\.pt|data/(?:weights|constants)/(?:(?:weight|tensor)_\d+|\w+\.json)"
)
OPERATION = re.compile(r"torch\.ops\.(?:aten|prims|quantized_decomposed|torchvision)\.(?!from_file)_?[a-z]\w*\.\w+")
REGIONS = ("wrap_with_set_grad_enabled", "wrap_with_autocast", "cond", "while_loop", "map_impl", "scan")
ARITHMETIC = "add|sub|mul|floordiv|truediv|mod|pow|neg|getitem|eq|ne|lt|le|gt|ge|and_|or_|not_"
OTHERS = {
    *(f"torch.ops.higher_order.{region}" for region in REGIONS),
    *(f"_operator.{name}" for name in ARITHMETIC.split("|")),
    *(f"math.{name}" for name in ("ceil", "floor", "trunc", "sqrt")),
    *(f"torch.sym_{name}" for name in ("max", "min", "not", "float", "int", "ite", "sum")),
    "placeholder",
    "output",
    "get_attr",
}
WORD = re.compile(r"[^\W\d]\w*")
SYMBOL = re.compile(r"'[suz]\d+'")
ALGEBRA = re.compile(r"[\w\s(),=+*/<>.-]*")
KNOWN = re.compile(
    r"[suz]\d+|Symbol|Integer|Rational|Float|Add|Mul|Pow|Max|Min|Mod|Abs|And|Or|Not|Eq|Ne|Lt|Le|Gt|Ge|Equality|Unequality|"
    r"StrictLessThan|LessThan|StrictGreaterThan|GreaterThan|FloorDiv|PythonMod|ModularIndexing|CleanDiv|CeilToInt|"
    r"FloorToInt|IntTrueDiv|FloatTrueDiv|TruncToInt|ToFloat|Where|True|False|positive|integer|nonnegative"
)
GUARD = re.compile(
    r"(?:L\['\w+'\]|L\['\w+'\]\[\d+\]|\.size\(\)\[\d+\]|\.stride\(\)\[\d+\]|and|or|not|[\s\d()<>=!%*/+-])*"
)


def refuse_code(path: Path) -> None:
    """Refuse an archive that could do anything but compute with tensors.

    Args:
        path: The archive, a zip file that has been read through once.

    Raises:
        UserError: If it holds something else.
    """
    with zipfile.ZipFile(path) as archive:
        if not any(name.partition("/")[2] == "models/model.json" for name in archive.namelist()):
            raise UserError(
                f"'{path}' is damaged or no program that torch.export.save of torch 2.8 or later has written; export "
                "it again."
            )
        for found in _foreign(archive):
            raise UserError(
                f"'{path}' cannot be read safely: it holds {found[:120]}, which could run code of the file; export "
                "the network again with torch.export.save of torch 2.8 or later, or use an .onnx file."
            )


def _foreign(archive: zipfile.ZipFile) -> Iterator[str]:
    """What an archive holds that a network does not need."""
    names = archive.namelist()
    if len(set(names)) < len(names) or len({name.partition("/")[0] for name in names}) > 1:
        yield "several files of one name"  # of which torch may read another one than is looked at here
    for name in names:
        _, _, part = name.partition("/")
        if not PARTS.fullmatch(part):
            yield f"'{name}'"
        elif part.endswith("_config.json"):
            yield from _pickles(json.loads(archive.read(name)))
        elif part.endswith(".pt") and not _is_plain(archive.read(name)):
            yield f"objects in '{name}'"
        elif part.startswith("models/"):
            yield from _calls(json.loads(archive.read(name)))


def _pickles(config: Any) -> Iterator[str]:
    for entry in config["config"].values():
        if entry["use_pickle"] or not re.fullmatch(r"(?:weight|tensor)_\d+", entry["path_name"]):
            yield f"the object '{entry['path_name']}'"


def _is_plain(content: bytes) -> bool:
    try:
        torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except Exception:  # whatever it is, torch would go on to unpickle it
        return False
    return True


def _calls(node: Any) -> Iterator[str]:
    """What a program calls or evaluates that is not on the lists."""
    if isinstance(node, list):
        for inner in node:
            yield from _calls(inner)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "target" and not (isinstance(value, str) and (value in OTHERS or OPERATION.fullmatch(value))):
            yield f"a call of {value}"
        elif key == "expr_str" and not _is_algebra(str(value)):
            yield f"the expression {value}"
        elif key == "guards_code":
            yield from (f"the condition {guard}" for guard in value if not GUARD.fullmatch(guard))
        elif key in ("in_spec", "out_spec") and "defaultdict" in str(value):
            yield f"the container {value}"
        else:
            yield from _calls(value)


def _is_algebra(text: str) -> bool:
    plain = SYMBOL.sub("", text)
    return bool(ALGEBRA.fullmatch(plain)) and all(map(KNOWN.fullmatch, WORD.findall(plain)))
