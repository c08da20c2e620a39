"""Files of the ONNX format, run by onnxruntime."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lit_invariance.errors import UserError, said_by
from lit_invariance.extras import optional
from lit_invariance.models.exported.description import KEY, read_description
from lit_invariance.models.exported.file import ExportedFile, opened

ERRORS_ONLY = 3
PICTURES = "tensor(float)"


def read_onnx(path: Path) -> ExportedFile:
    """Open an `.onnx` file; onnxruntime runs only operations of its own.

    Args:
        path: The file.

    Raises:
        UserError: If onnxruntime is missing or refuses the file, or the file does not take one batch of pictures.
    """
    runtime: Any = optional("onnxruntime", "export", "an .onnx file")
    options = runtime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own types derive from Exception alone
        raise UserError(f"'{path}' cannot be run by onnxruntime: {said_by(error)}; export it again.") from error
    given, made = session.get_inputs(), session.get_outputs()
    if [entry.type for entry in given] != [PICTURES]:
        taken = ", ".join(f"{entry.name} {entry.type}" for entry in given)
        raise UserError(f"'{path}' takes {taken}; it must take one input, pictures (N, C, S, S) as float32.")

    def run(inputs: Tensor) -> Tensor:
        return torch.from_numpy(session.run([made[0].name], {given[0].name: inputs.numpy()})[0])

    shape = [length if isinstance(length, int) else None for length in given[0].shape]
    about = session.get_modelmeta().custom_metadata_map.get(KEY)
    return opened(path, shape, run, f"onnxruntime {runtime.__version__}", read_description(about, path))
