"""Untrusted YAML: a short text must not expand to a value of any size, or to one that contains itself."""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from lit_invariance.errors import UserError

# A hundred times what any of the project's configs needs.
MOST_BYTES, MOST_VALUES, DEEPEST, LONGEST = 2**17, 10_000, 30, 10_000
PLAIN = ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")
PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in PLAIN)


def read_small(path: Path) -> str:
    """Read a config file.

    Args:
        path: The file.

    Raises:
        OSError: If it is no regular file of UTF-8 text below 128 kB; a pipe is not waited for.
    """
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise OSError(f"it is not a file smaller than {MOST_BYTES // 2**10} kB")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise OSError("it is not UTF-8 text") from error


def check_plain(text: str, what: str) -> dict[str, Any]:
    """Read YAML, but not what a reader would follow without an end, or what says something else than it seems to.

    Args:
        text: The YAML.
        what: What it is, as errors call it.

    Returns:
        What it says.

    Raises:
        UserError: If it is no mapping from words to values, has a word twice, is beyond all measure, or has values of
            other kinds than text, numbers, lists and mappings.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise UserError(f"{what} is not valid YAML: {' '.join(str(error).split())}.") from error
    except RecursionError as error:
        raise UserError(f"{what} is nested more than {DEEPEST} deep; write it out flat.") from error
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"{what} is not a mapping; write options as 'name: value', one a line.")
    _size(root, what, {}, ())
    try:
        content: dict[str, Any] = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # an integer of thousands of digits, a date that is none
        raise UserError(f"{what} has a value that cannot be read: {' '.join(str(error).split())}.") from error
    return content


def _size(node: yaml.Node, what: str, known: dict[int, int], inside: tuple[int, ...]) -> int:
    """Number of values that a node expands to, including what aliases repeat."""
    line = node.start_mark.line + 1
    if id(node) in inside or len(inside) > DEEPEST:
        raise UserError(
            f"{what} contains itself or is nested more than {DEEPEST} deep at line {line}; write it out flat."
        )
    if id(node) in known:
        return known[id(node)]
    if node.tag not in PLAIN_TAGS:
        raise UserError(f"{what} has a value of type {node.tag} at line {line}; quote it, or leave the tag out.")
    inside = (*inside, id(node))
    size = 1
    if isinstance(node, yaml.MappingNode):
        counted = Counter(_name(key, what) for key, _ in node.value)
        if counted and counted.most_common(1)[0][1] > 1:
            twice = counted.most_common(1)[0][0]
            raise UserError(f"{what} has '{twice}' twice in the mapping at line {line}; keep one of them.")
        size += sum(_size(value, what, known, inside) for _, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_size(value, what, known, inside) for value in node.value)
    elif "\0" in node.value:
        raise UserError(f"{what} has a zero byte in the value at line {line}; leave it out.")
    elif len(node.value) > LONGEST:
        raise UserError(f"{what} has a value of {len(node.value)} characters at line {line}; the limit is {LONGEST}.")
    if size > MOST_VALUES:
        raise UserError(f"{what} expands to more than {MOST_VALUES} values at line {line}; use fewer aliases.")
    known[id(node)] = size
    return size


def _name(key: yaml.Node, what: str) -> str:
    if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str" or not key.value:
        raise UserError(f"{what} has a key that is not a plain word at line {key.start_mark.line + 1}; quote it.")
    return str(key.value)
