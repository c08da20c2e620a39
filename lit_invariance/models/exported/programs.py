"""Programs of `torch.export`, in `.pt2` files."""

import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lit_invariance.errors import UserError, said_by
from lit_invariance.models.exported.description import KEY, read_description
from lit_invariance.models.exported.file import ExportedFile, opened
from lit_invariance.models.exported.plain_program import refuse_code
from lit_invariance.models.torch_file import compare_checksums

EXTRA = f"{KEY}.json"


def read_program(path: Path) -> ExportedFile:
    """Open a `.pt2` file, if it can do nothing but compute; see `refuse_code`.

    Args:
        path: The file.

    Raises:
        UserError: If it is damaged, holds what could run code of the file, comes from a torch that this one cannot
            read, or does not take one batch of pictures.
    """
    extra: dict[str, Any] = {EXTRA: None}
    try:
        compare_checksums(path)
        refuse_code(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.load(path, extra_files=extra)
            module = program.module()
    except UserError:
        raise
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise UserError(f"'{path}' is damaged or no program of torch.export; export it again.") from error
    except Exception as error:  # torch raises what it likes
        raise UserError(
            f"'{path}' cannot be read by torch {torch.__version__}: {said_by(error)}; export it again."
        ) from error
    names = program.graph_signature.user_inputs
    given = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    if len(given) != 1 or not isinstance(given[0], Tensor) or given[0].dtype != torch.float32:
        raise UserError(f"'{path}' must take one input, pictures (N, C, S, S) as float32; it takes {', '.join(names)}.")

    def run(inputs: Tensor) -> Tensor:
        with torch.no_grad():
            answer = module(inputs)
        logits: Tensor = answer[0] if isinstance(answer, tuple | list) else answer
        return logits

    shape = [length if isinstance(length, int) else None for length in given[0].shape]
    return opened(path, shape, run, f"torch {torch.__version__}", read_description(extra[EXTRA], path))
