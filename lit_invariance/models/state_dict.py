"""The state dict within a weights file, wherever a training script put it and whatever it put before its names."""

import os
from collections import OrderedDict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor

from lit_invariance.errors import UserError, unknown
from lit_invariance.models.torch_file import SUFFIXES, read_torch_file

ENTRIES = ("state_dict", "model", "net", "model_state_dict", "state_dict_ema", "model_ema", "ema_state_dict", "ema")
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "backbone.")
SHOWN = 3


def is_file_name(weights: str) -> bool:
    """Distinguish a file, with or without `#entry`, from a published name such as `IMAGENET1K_V1`."""
    path, _ = split_entry(weights)
    return path.endswith(SUFFIXES) or os.path.isfile(path)  # False of what is no possible path, where Path raises


def split_entry(weights: str) -> tuple[str, str | None]:
    """Part `file.pth#state_dict_ema` into the file and the entry of it that is wanted; None where none is named."""
    path, sign, entry = weights.rpartition("#")
    if not sign or os.path.isfile(weights):
        return weights, None
    return path, entry


def read_state_dict(weights: str | Path, names: Collection[str]) -> dict[str, Tensor]:
    """Read a network's parameters from a file.

    Accepted are a state dict, alone or as an entry of `ENTRIES`, with any combination of `PREFIXES` before its names.
    Which entry was taken, which prefix was cut off and which names were left out is said.

    Args:
        weights: The file; `file.pth#entry` names the entry, where there are weights of several kinds.
        names: Names of the network's parameters and buffers, which distinguish a prefix from a part of the network.

    Returns:
        Names to tensors, with the metadata that torch keeps beside them.

    Raises:
        UserError: If the file cannot be read or holds no state dict.
    """
    path, entry = split_entry(str(weights))
    return without_prefix(_entry(read_torch_file(path), path, entry), names, path)


def without_prefix(state: Mapping[str, Tensor], names: Collection[str], source: str) -> dict[str, Tensor]:
    """Remove the prefix that wrappers have put before the names of a state dict.

    The prefix is that which leaves most of the network's own names; names without it are left out, and said.

    Args:
        state: Names to tensors.
        names: Names of the network's parameters and buffers.
        source: The file, for what is said.

    Returns:
        As `state`, with the metadata of torch under the same names.
    """
    own = set(names)
    under: dict[str, list[str]] = {"": list(state)}
    for key in state:
        for prefix in _prefixes(key):
            under.setdefault(prefix, []).append(key)

    def fit(prefix: str) -> tuple[int, int, int]:
        hits = sum(key[len(prefix) :] in own for key in under[prefix])
        return hits, len(under[prefix]), len(prefix) if not hits else -len(prefix)

    prefix = max(under, key=fit)
    left_out = [key for key in state if not key.startswith(prefix)]
    if prefix:
        left = f"; the {len(left_out)} without it were left out: {first_of(left_out)}" if left_out else ""
        rank_zero_info(f"'{source}': the prefix '{prefix}' was cut off its names{left}.")
    kept = OrderedDict((key[len(prefix) :], value) for key, value in state.items() if key.startswith(prefix))
    metadata = getattr(state, "_metadata", None)
    if isinstance(metadata, Mapping):
        # Those of a module stand under its name without the last point, those of the whole under "".
        stem = prefix.removesuffix(".")
        inner = ((key, value) for key, value in metadata.items() if key.startswith(stem))
        kept._metadata = {key[len(stem) :].removeprefix("."): value for key, value in inner}  # type: ignore[attr-defined]
    return kept


def first_of(keys: Collection[str]) -> str:
    """Show the first few of some names: `a, b, c and 2 more`."""
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(list(keys)[:SHOWN]) + more


def _prefixes(key: str) -> list[str]:
    """All that could have been put before a name: for `module.model.a` that is `module.` and `module.model.`."""
    found, rest = [], key
    while cut := next((prefix for prefix in PREFIXES if rest.startswith(prefix)), None):
        rest = rest[len(cut) :]
        found.append(key[: len(key) - len(rest)])
    return found


def _entry(content: Any, path: str, wanted: str | None) -> Mapping[str, Tensor]:
    """The state dict of a file's content: itself, or one of its entries."""
    entries: Mapping[Any, Any] = content if isinstance(content, Mapping) else {}
    found: dict[Any, Mapping[str, Tensor]] = {key: value for key, value in entries.items() if _is_state_dict(value)}
    if wanted is not None:
        if wanted not in found:
            raise unknown(f"entry of '{path}'", wanted, map(str, found))
        return found[wanted]
    if _is_state_dict(entries):
        return entries
    usual = [key for key in ENTRIES if key in found]
    if not usual:
        raise UserError(
            f"'{path}' holds no state dict: neither parameter names with tensors, nor such under "
            f"{', '.join(ENTRIES[:-1])} or {ENTRIES[-1]}."
        )
    taken, *others = usual
    also = f"; for the others write {' or '.join(f'{path}#{other}' for other in others)}" if others else ""
    rank_zero_info(f"'{path}': took its entry '{taken}'{also}.")
    return found[taken]


def _is_state_dict(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and len(content) > 0
        and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items())
    )
