"""Names that users gave to files, classes and models, made safe to print and for file systems."""

import re
from collections.abc import Iterable
from pathlib import Path

LONGEST_STEM = 120  # bytes; most file systems take 255, and prefixes and endings are added
LONGEST_SHOWN = 40  # letters, in a figure
UNSAFE = re.compile(r"[^\w.-]+")


def printable(name: str | Path) -> str:
    r"""Return a name as text that any terminal, page or table can show.

    Args:
        name: A name; bytes that are not UTF-8 stand in it as Python decodes names, as lone surrogates.

    Returns:
        The name in one line, with such bytes as `\xe9`, and what does not print as Python writes it.

    Example:
        >>> printable("caf\udce9"), printable("two\nlines"), printable("café")
        ('caf\\xe9', 'two\\nlines', 'café')
    """
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in str(name))


def shortened(name: str, length: int = LONGEST_SHOWN) -> str:
    """Return a printable name; the middle of a long one is left out.

    Args:
        name: Any text.
        length: The greatest number of letters, from 4.

    Example:
        >>> shortened("resnet50_augmented_and_blurred", 16)
        'resnet5..blurred'
    """
    name = printable(name)
    head = (length - 2) // 2
    return name if len(name) <= length else f"{name[:head]}..{name[head + 2 - length :]}"


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """Make a file name of each name, without an ending; no two alike, even where capitals do not count.

    Args:
        names: Different names.

    Returns:
        Name to file name; of names that would make the same, later ones get a number.

    Example:
        >>> file_stems(["embed", "a/b", "a b", "A_b", "../x"])
        {'embed': 'embed', 'a/b': 'a_b', 'a b': 'a_b_2', 'A_b': 'A_b_3', '../x': 'x'}
    """
    stems: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        plain = UNSAFE.sub("_", name).encode()[:LONGEST_STEM].decode(errors="ignore").strip("_.") or "unnamed"
        stem, number = plain, 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{plain}_{number}"
        taken.add(stem.casefold())
        stems[name] = stem
    return stems


def _escaped(letter: str) -> str:
    byte = ord(letter) - 0xDC00
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else letter.encode("unicode_escape").decode("ascii")
