"""The formats that a network can be exported to, by the suffix of the file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from lit_invariance.evaluation.own_network import Normalise, OwnNetwork
from lit_invariance.mitigations.interfaces import Classify
from lit_invariance.models.exported.description import NORMALISED
from lit_invariance.models.exported.file import ExportedNetwork
from lit_invariance.models.exported.reading import read_exported
from lit_invariance.shipping.packing import Packed
from lit_invariance.shipping.plain_weights import rebuilding, rebuilt, write_weights
from lit_invariance.shipping.programs import INPUT, write_onnx, write_program


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        write: Writes what was packed to a path.
        use: Name of the file, and what was packed, to the lines of Python that load it.
        programs: Whether the file holds what is computed, and not only the weights.
    """

    write: Callable[[Packed, Path], None]
    use: Callable[[Packed, str], list[str]]
    program: bool = True


def _use_onnx(packed: Packed, name: str) -> list[str]:
    return [
        "import onnxruntime",
        f"session = onnxruntime.InferenceSession({name!r})",
        f"logits = session.run(None, {{{INPUT!r}: pictures}})[0]",
    ]


def _use_program(packed: Packed, name: str) -> list[str]:
    return ["import torch", f"network = torch.export.load({name!r}).module()", "logits = network(pictures)"]


def _use_weights(packed: Packed, name: str) -> list[str]:
    if isinstance(packed.model.classifier, OwnNetwork):
        return ["import safetensors.torch", f"network.load_state_dict(safetensors.torch.load_file({name!r}))"]
    return rebuilding(packed.model, packed.description.classes, name)


FORMATS = {
    ".onnx": Format(write_onnx, _use_onnx),
    ".pt2": Format(write_program, _use_program),
    ".safetensors": Format(write_weights, _use_weights, program=False),
}


@dataclass(frozen=True)
class Opened:
    """A file that was written, read again.

    Attributes:
        classify: From pictures in [0, 1] to logits.
        runs_in: What runs it.
    """

    classify: Classify
    runs_in: str


def open_written(packed: Packed, path: Path) -> Opened:
    """Read a file that was written, as its users will.

    Args:
        packed: What was written.
        path: The file.
    """
    normalise = Normalise(packed.model.classifier.preprocessing)
    if not FORMATS[path.suffix].program:
        network: nn.Module = rebuilt(packed.model, packed.description.classes, path)
        return Opened(lambda pictures: _logits(network(normalise(pictures))), "PyTorch, rebuilt from the file")
    file = read_exported(str(path))
    network = ExportedNetwork(file)
    if packed.description.input == NORMALISED:
        return Opened(lambda pictures: network(normalise(pictures)), file.runs_in)
    return Opened(network, file.runs_in)


def _logits(answer: Tensor) -> Tensor:
    logits: Tensor = getattr(answer, "logits", answer)
    return logits
