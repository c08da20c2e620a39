"""The grammar of what `--models` takes: `[name=]backbone[:size][@weights][+mitigation...]`."""

import os
import re
from typing import NamedTuple

from lit_invariance.errors import UserError
from lit_invariance.models.libraries import is_bare
from lit_invariance.models.state_dict import is_file_name, split_entry
from lit_invariance.protocols.window import Size, as_size
from lit_invariance.user_code.importing import PYTHON

SIZE = re.compile(r"[1-9]\d{0,5}(x[1-9]\d{0,5})?")
WITH_COLONS = (PYTHON, "timm/hf-hub:", "timm/local-dir:")
"""Beginnings of names that have colons of their own; only a number after the last one is a size."""


class SourceText(NamedTuple):
    """The parts of a source without name and mitigations.

    Attributes:
        backbone: Name of the network.
        size: Size of its input in pixels, None where none is named.
        weights: What stands behind the `@`; None without one.
    """

    backbone: str
    size: Size | None
    weights: str | None

    @property
    def short(self) -> str:
        """A name for tables."""
        last = self.backbone.partition("{")[0].rstrip("/").rpartition("/")[2]
        return last.rpartition(":")[2]


def split_name(text: str) -> tuple[str, str]:
    """Separate `name=` from a source; the name is empty where there is none."""
    name, given, source = text.partition("=")
    return (name, source) if given and not any(sign in name for sign in "/@+{") else ("", text)


def split_mitigations(source: str) -> tuple[str, list[str]]:
    """Separate a source from the mitigations added to it; a file whose name contains a plus sign is kept whole."""
    parts = _outside_braces(source, "+")
    files = [count for count in range(1, len(parts) + 1) if _is_file("+".join(parts[:count]))]
    length = max(files, default=1)
    return "+".join(parts[:length]), parts[length:]


def split_source(source: str) -> SourceText:
    """Read a source without name and mitigations.

    Raises:
        UserError: If it has another form.
    """
    head, *rest = _outside_braces(source, "@")
    weights = "@".join(rest) if rest else None
    if not head or weights == "":
        raise UserError(
            f"'{source}' does not name a model; write name=FILE.ckpt, name=<backbone> or name=<backbone>@<weights>."
        )
    if weights is None and is_file_name(source) and is_bare(source):
        raise UserError(f"'{source}' is a weights file; name the network it belongs to, as <backbone>@{source}.")
    backbone, colon, side = head.rpartition(":")
    if not colon or ((head.startswith(WITH_COLONS) or head.endswith("}")) and not SIZE.fullmatch(side)):
        return SourceText(head, None, weights)
    if not SIZE.fullmatch(side):
        raise UserError(
            f"'{side}' in '{source}' is not an image size; write <backbone>:299 for 299 x 299 pixels, or "
            "<backbone>:256x128 for 256 rows and 128 columns."
        )
    lengths = [int(length) for length in side.split("x")]
    return SourceText(backbone, as_size(lengths[0] if len(lengths) == 1 else lengths), weights)


def _outside_braces(text: str, sign: str) -> list[str]:
    """Split at a sign, but not within `{...}`."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        if letter == sign and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _is_file(source: str) -> bool:
    path, entry = split_entry(source.partition("@")[2])
    return os.path.isfile(source) or (os.path.isfile(path) and "+" not in (entry or ""))
