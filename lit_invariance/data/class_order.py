"""Which output of a network belongs to which class folder."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lit_invariance.data.synsets import imagenet_classes, imagenet_outputs
from lit_invariance.errors import UserError
from lit_invariance.names import printable

NUMBER = re.compile(r"[0-9]{1,9}")
LAST_WORD = re.compile(r"[,\s]+(?=[^,\s]+$)")  # the separator before it
SYNSET = re.compile(r"n[0-9]{8}")
IMAGENET = 1000
MOSTLY = 0.8
ClassMap = Mapping[str, int]


class ClassOrder(NamedTuple):
    """The outputs of a data set.

    Attributes:
        outputs: Class folder to the number of its output.
        names: A printable name for each of the K outputs.
    """

    outputs: ClassMap
    names: list[str]


def class_order(folders: set[str], wanted: int | None = None, class_map: ClassMap | None = None) -> ClassOrder:
    """Choose the outputs of class folders.

    A class map decides if there is one. Otherwise, if all folders have names of ILSVRC2012 synsets, the outputs are the
    1000 of ImageNet networks, for any subset of them, unless the model has as many outputs as there are folders.
    Folders named 0 to n - 1 are the outputs with these numbers, other numbers are in numerical order, and anything else
    is in alphabetical order. 1000 outputs by number, or by a map, are treated as those of ImageNet.

    Args:
        folders: Names of the class folders.
        wanted: Number of outputs of the model, where it is known.
        class_map: Class folder to output.

    Returns:
        The outputs; their number is `wanted` where that is possible.

    Raises:
        UserError: If a folder is not in the map, or the map names an output that the model does not have.
    """
    if class_map is not None:
        return _mapped(folders, wanted, class_map)
    if folders <= imagenet_outputs().keys():
        return _synsets(folders, wanted)
    ordered = sorted(folders)
    if all(NUMBER.fullmatch(name) for name in folders):
        ordered = sorted(folders, key=lambda name: (int(name), name))
    outputs = {name: output for output, name in enumerate(ordered)}
    if len(folders) == IMAGENET and all(NUMBER.fullmatch(name) and int(name) == outputs[name] for name in folders):
        return ClassOrder(outputs, _imagenet())
    return ClassOrder(outputs, [printable(name) for name in ordered])


def label_order(labels: set[str], wanted: int | None = None, class_map: ClassMap | None = None) -> ClassOrder:
    """Choose the outputs of the labels of a table, where a number is that of an output.

    Args:
        labels: Different labels, numbers or names. Names are treated as those of class folders, see `class_order`.
        wanted: Number of outputs of the model, where it is known.
        class_map: Label to output.

    Returns:
        The outputs. Numbers with gaps are of a part of ImageNet, unless the model says how many outputs there are.

    Raises:
        UserError: If a label is not in the map, or a number is none of the model's outputs.
    """
    if class_map is None and all(NUMBER.fullmatch(label) for label in labels):
        highest = max(map(int, labels))
        if wanted is not None and highest >= wanted:
            raise UserError(f"the data have the label {highest}, but the model has {wanted} outputs, from 0 on.")
        class_map = {label: int(label) for label in labels}
    return class_order(labels, wanted, class_map)


def read_class_map(path: str | Path) -> ClassMap:
    """Read which output belongs to which class folder.

    Args:
        path: JSON (`.json`), an object of folder to output; or a table (`.csv`) or text with a line for each folder:
            its name, a comma or space, and the output. An output is a number from 0 on or an ILSVRC2012 synset; a
            heading is passed over.

    Returns:
        Class folder to output.

    Raises:
        UserError: If the file cannot be read, is empty, or gives a folder something else or two outputs.
    """
    try:
        pairs = _pairs(Path(path))
        outputs = {folder: _output(text) for folder, text in pairs}
        if not outputs:
            raise ValueError("it names no folder")
        if twice := [folder for folder, text in pairs if _output(text) != outputs[folder]]:
            raise ValueError(f"it gives the folder {printable(twice[0])} two outputs")
    except Exception as error:  # what a damaged table or JSON file raises is open-ended
        raise UserError(
            f"the class map {printable(path)} cannot be read ({error}); write a line 'folder,output' for each folder."
        ) from error
    return outputs


def check_same_classes(model: str, trained_on: Sequence[str], data: Sequence[str]) -> None:
    """Check that the outputs of a model are the classes of the data.

    A name that is only the number of its output gives no information, and agrees with every name.

    Args:
        model: Words for the model.
        trained_on: The class of each of its outputs.
        data: The class of each output of the data.

    Raises:
        UserError: If one of them differs.
    """
    if len(trained_on) != len(data):
        raise UserError(f"{model} was trained on {len(trained_on)} classes and the data has {len(data)}.")
    for output, (own, other) in enumerate(zip(trained_on, data, strict=True)):
        if own != other and str(output) not in (own, other):
            raise UserError(
                f"output {output} of {model} is '{own}', and of the data '{other}'; say which output belongs to which "
                "class folder with --data.class_map FILE."
            )


def imagenet_names(names: Sequence[str]) -> list[str] | None:
    """Return the names that this project has for ImageNet's classes if these are their names in the usual order.

    Args:
        names: Names of classes; each may go on with synonyms after a comma.

    Returns:
        None if they are other classes. Lists of ImageNet's names differ in some words, so a few may disagree.
    """
    own = _imagenet()
    same = sum(name.partition(",")[0].lower() == known.lower() for name, known in zip(names, own, strict=False))
    return own if len(names) == len(own) and same > MOSTLY * len(own) else None


def _imagenet() -> list[str]:
    return list(imagenet_classes().values())


def _pairs(path: Path) -> list[tuple[str, str]]:
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")  # folders' names need not be UTF-8
    if path.suffix.lower() == ".json":
        return [(str(folder), str(output)) for folder, output in json.loads(text).items()]
    lines = [line for line in text.splitlines() if line.strip()]
    table = path.suffix.lower() == ".csv"
    rows = list(csv.reader(lines)) if table else [LAST_WORD.split(line.strip(), maxsplit=1) for line in lines]
    if broken := [row for row in rows if len(row) != 2]:
        raise ValueError(f"'{printable(','.join(broken[0]))}' is no folder and output")
    pairs = [(folder.strip(), output.strip()) for folder, output in rows]
    return pairs[1:] if pairs and not _is_output(pairs[0][1]) else pairs


def _is_output(text: str) -> bool:
    return bool(NUMBER.fullmatch(text) or SYNSET.fullmatch(text))


def _output(text: str) -> int:
    if text in imagenet_outputs():
        return imagenet_outputs()[text]
    if not NUMBER.fullmatch(text):
        raise ValueError(f"'{printable(text)}' is neither an output number nor a synset of ILSVRC2012")
    return int(text)


def _synsets(folders: set[str], wanted: int | None) -> ClassOrder:
    if wanted != len(folders):
        return ClassOrder(imagenet_outputs(), _imagenet())
    ordered = sorted(folders)
    outputs = {synset: output for output, synset in enumerate(ordered)}
    return ClassOrder(outputs, [imagenet_classes()[synset] for synset in ordered])


def _mapped(folders: set[str], wanted: int | None, class_map: ClassMap) -> ClassOrder:
    if strangers := sorted(folders - class_map.keys()):
        raise UserError(f"data.class_map does not name the class folder {printable(strangers[0])}; add it.")
    used = set(class_map.values())
    # A map without gaps may be of any data set; one with gaps is of a part of ImageNet.
    count = wanted or (len(used) if used == set(range(len(used))) else max(IMAGENET, *(output + 1 for output in used)))
    if max(used) >= count:
        raise UserError(f"data.class_map names output {max(used)}, but the model has {count}; correct the map.")
    if count == IMAGENET:
        return ClassOrder(class_map, _imagenet())
    names = {output: printable(folder) for folder, output in sorted(class_map.items(), reverse=True)}
    return ClassOrder(class_map, [names.get(output, f"class {output}") for output in range(count)])
