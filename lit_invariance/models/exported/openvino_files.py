"""Models of OpenVINO: a folder with an `.xml` and a `.bin`, or that `.xml`."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lit_invariance.errors import UserError, said_by
from lit_invariance.extras import optional
from lit_invariance.models.exported.description import KEY, read_description
from lit_invariance.models.exported.file import ExportedFile, opened

OF_ONNX = ["framework", KEY]
"""Where OpenVINO keeps the metadata of the ONNX file that it has converted."""


def read_openvino(path: Path) -> ExportedFile:
    """Open a model of OpenVINO, which runs only operations of its own.

    Args:
        path: The `.xml` file; its weights lie beside it.

    Raises:
        UserError: If OpenVINO is missing or refuses the file, or the file does not take one batch of pictures.
    """
    openvino: Any = optional("openvino", "export", "a model of OpenVINO")
    core = openvino.Core()
    try:
        model = core.read_model(path)
        # Its own choice on processors that have it is bfloat16, whose rounding moves arg-maxes.
        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        compiled = core.compile_model(model, "CPU", options)
    except Exception as error:  # RuntimeError and types of its own
        raise UserError(f"'{path}' cannot be run by OpenVINO: {said_by(error)}; export it again.") from error
    if len(model.inputs) != 1:
        raise UserError(f"'{path}' takes {len(model.inputs)} inputs; it must take one, pictures (N, C, S, S).")

    def run(inputs: Tensor) -> Tensor:
        return torch.from_numpy(compiled(inputs.numpy())[0].copy())

    shape = [length.get_length() if length.is_static else None for length in model.inputs[0].partial_shape]
    about = model.get_rt_info(OF_ONNX).value if model.has_rt_info(OF_ONNX) else None
    return opened(path, shape, run, f"OpenVINO {openvino.__version__.partition('-')[0]}", read_description(about, path))
