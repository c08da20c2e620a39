"""Files of tensors read safely: nothing in them is executed, and a flipped bit is detected."""

import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lit_invariance.errors import UserError, said_by

SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors", ".bin", ".tar")
SAFETENSORS = ".safetensors"
# Creating objects of these classes executes nothing, so torch may be allowed to load them.
HARMLESS = ("argparse.Namespace", "numpy.")
PIECE = 1 << 20


def read_torch_file(path: str | Path) -> Any:
    """Read a file of tensors and plain values; nothing in it is executed.

    A zip archive, which `torch.save` writes, is first read once for its checksums, because `torch.load` compares none
    and does not notice a flipped bit in a weight.

    Args:
        path: A file written by `torch.save`, or a `.safetensors` file.

    Raises:
        UserError: If it is a URL, is missing, cut off, damaged, not such a file, or holds other objects than tensors
            and plain values.
    """
    if "://" in str(path):
        raise UserError(f"'{path}' is a URL; download the file yourself and name the local copy.")
    path = Path(path)
    if not os.path.isfile(path):  # a name that is too long is none
        raise UserError(f"there is no file '{path}'; check the path.")
    try:
        if path.suffix == SAFETENSORS:
            return _read_safetensors(path)
        compare_checksums(path)
        with warnings.catch_warnings():  # of a TorchScript archive, which is refused in our own words
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _not_plain(path, str(error)) from error
    except zipfile.BadZipFile as error:
        raise UserError(
            f"'{path}' cannot be read: it is damaged or cut off ({said_by(error)}); copy or download it again."
        ) from error
    except Exception as error:  # each format raises types of its own, some that derive from Exception alone
        if "TorchScript" in str(error):
            raise UserError(
                f"'{path}' cannot be read: it is a TorchScript program; save the module's state_dict() instead."
            ) from error
        raise UserError(
            f"'{path}' cannot be read as a PyTorch file of plain tensors: it is cut off or not such a file "
            f"({said_by(error)}); make or download it again."
        ) from error


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors.torch import load_file

    return load_file(path)


def compare_checksums(path: Path) -> None:
    """Read a zip archive through, which raises `BadZipFile` where a record differs from its checksum."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        for record in archive.infolist():
            if record.CRC == 0:  # torch can be told to write none
                continue
            with archive.open(record) as content:
                while content.read(PIECE):
                    pass


def _not_plain(path: Path, message: str) -> UserError:
    """Say which classes torch refused, and how to get at the weights beside them."""
    try:
        classes = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # of the format before 1.6, and of what is no checkpoint at all
        classes = re.findall(r"GLOBAL (\S+)", message)
    if not classes:
        return UserError(
            f"'{path}' cannot be read as a PyTorch file of plain tensors: it is cut off or not such a file; make or "
            "download it again."
        )
    named = ", ".join(sorted(set(classes)))
    if all(name.startswith(HARMLESS) for name in classes):
        allowed = "with torch.serialization.safe_globals([...]), which runs nothing of the file,"
    else:
        allowed = "with torch.load(..., weights_only=False), which may run code of the file, if you trust its maker,"
    return UserError(
        f"'{path}' cannot be read as it is: beside tensors it holds {named}, which torch does not allow (Unsupported "
        f"global); read it {allowed} and torch.save the state dict in it to a new file."
    )
