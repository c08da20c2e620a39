"""Networks as programs that need no code of theirs: torch.export's own format, and ONNX."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from lit_invariance.errors import UserError, said_by
from lit_invariance.extras import optional
from lit_invariance.models.exported.description import KEY
from lit_invariance.models.exported.programs import EXTRA
from lit_invariance.shipping.packing import Packed

INPUT, OUTPUT, BATCH = "images", "logits", "batch"
MOST_BYTES = 2**31 - 2**24
"""What fits into one ONNX file, whose format ends at 2 GB, with room for the graph."""


def write_program(packed: Packed, path: Path) -> None:
    """Write a `.pt2` file, which `torch.export.load` reads.

    Args:
        packed: What to write.
        path: Where to write it.

    Raises:
        UserError: If the network cannot be traced.
    """
    with _quiet():
        torch.export.save(trace(packed), path, extra_files={EXTRA: packed.description.text()})


def write_onnx(packed: Packed, path: Path) -> None:
    """Write an `.onnx` file, weights included.

    Args:
        packed: What to write.
        path: Where to write it.

    Raises:
        UserError: If onnxscript is missing, or the network cannot be traced or expressed in ONNX.
    """
    optional("onnxscript", "export", "an .onnx file")
    if sum(tensor.nbytes for tensor in packed.module.state_dict().values()) > MOST_BYTES:
        raise UserError(f"{packed.model.name} is larger than the 2 GB of one ONNX file; export it as .pt2.")
    program = trace(packed)
    try:
        with _quiet():
            written: Any = torch.onnx.export(
                program,
                dynamo=True,
                external_data=False,
                verbose=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
            )
    except Exception as error:  # the exporter's own types derive from Exception alone
        raise UserError(
            f"{packed.model.name} cannot be expressed in ONNX ({said_by(error)}); export it as .pt2."
        ) from error
    graph = written.model.graph
    for node in graph.all_nodes():
        node.metadata_props.clear()  # the lines of Python that each comes from, with this machine's paths
    for value in (graph.inputs[0], graph.outputs[0]):
        value.shape[0] = BATCH
    written.model.metadata_props[KEY] = packed.description.text()
    written.save(path)


def trace(packed: Packed) -> ExportedProgram:
    """Trace a network, with any number of pictures.

    Raises:
        UserError: If it cannot be traced, or only for one number of pictures.
    """
    batch = torch.export.Dim(BATCH)
    try:
        with _quiet(), torch.no_grad():
            program = torch.export.export(packed.module, (packed.example,), dynamic_shapes=({0: batch},))
    except Exception as error:  # a network may raise anything, and torch.export many types of its own
        if "specialized" in str(error):
            raise UserError(
                f"{packed.model.name} can only be exported for one number of pictures, because it turns that number "
                "into a constant; use x.shape[0] in it, and not len(x)."
            ) from error
        raise UserError(f"{packed.model.name} cannot be traced by torch.export: {said_by(error)}.") from error
    for module in program.graph_module.modules():
        for node in getattr(getattr(module, "graph", None), "nodes", ()):
            node.meta.pop("stack_trace", None)  # lines of Python with this machine's paths
    return program


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' advice to their own authors off the screen."""
    loggers = [
        logging.getLogger(name) for name in ("torch.onnx", "torch.export", "torch._export", "onnxscript", "onnx_ir")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
