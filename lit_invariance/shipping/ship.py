"""`export`: a network to a file for other programs, compared with the network here before it gets its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.utilities import rank_zero_info
from torch import nn

from lit_invariance.api.data import AnyData, open_data
from lit_invariance.api.models import find_models
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import one_sentence_errors, unknown
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.geometry import Geometry
from lit_invariance.evaluation.model_sources import ModelSource, parse_source
from lit_invariance.evaluation.models import PUBLISHED_CLASSES
from lit_invariance.files import replacing, writable_folder
from lit_invariance.names import printable
from lit_invariance.protocols.window import as_size
from lit_invariance.shipping.card import Evaluated, find_evaluation, model_card
from lit_invariance.shipping.formats import FORMATS, open_written
from lit_invariance.shipping.packing import INSIDE, NORMALISATIONS, OUTSIDE, Packed, pack
from lit_invariance.shipping.parity import Parity, format_parity, measure_parity
from lit_invariance.shipping.remarks import remarks_on

IMAGES = 50


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        file: The network.
        card: The model card, Markdown.
        use: Lines of Python that load the file.
        parity: How its answers compare with those here, protocol by protocol.
        remarks: What the user should know, in sentences.
        pictures: On which pictures they were compared.
        runs_in: What ran the file.
    """

    file: Path
    card: Path
    use: list[str]
    parity: list[Parity]
    remarks: list[str]
    pictures: str
    runs_in: str

    def text(self) -> str:
        """Say it for a terminal."""
        flips = sum(one.flips for one in self.parity)
        same = "every answer is the same as here" if not flips else f"{flips} answers differ from those here"
        return "\n".join(
            [
                f"parity on {self.pictures}, by {self.runs_in}: {same}",
                format_parity(self.parity),
                *self.remarks,
                "use:",
                *(f"    {line}" for line in self.use),
                f"written: {printable(self.file)} ({self.file.stat().st_size / 1e6:.1f} MB), {printable(self.card)}",
            ]
        )


def export(
    model: str | ModelSource | nn.Module,
    to: str | Path,
    data: AnyData | None = None,
    *,
    normalisation: str = INSIDE,
    preprocessing: Any = None,
    results: str | Path | None = None,
    max_images: int = IMAGES,
    image_size: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Exported:
    """Write a network to a file for other programs, and compare what the file answers with what the network answers.

    Surgery and inference wrappers are part of an `.onnx` or `.pt2` file, which takes any number of pictures. A
    `.safetensors` file holds the weights alone, under the names of the plain network. The answers of the file, read
    again as its users will, are compared with PyTorch's under the protocols `crop` and `embed_black`. Only then does
    the file get its name. A model card is written beside it, as `<file>.md`.

    Args:
        model: A network, a LightningModule or any text that `--models` takes.
        to: The file, whose suffix is the format: `.onnx`, `.pt2` or `.safetensors`.
        data: Pictures for the comparison, as `evaluate` takes them; labels do not matter. Default: the built-in shapes.
        normalisation: `inside`: the file takes pictures in [0, 1]. `outside`: it takes `(picture - mean) / std`.
        preprocessing: What a network object expects, as in `evaluate`.
        results: Folder with the results of an evaluation of this model, for the model card.
        max_images: Number of pictures to compare on.
        image_size: Side of the input in pixels, where neither a checkpoint nor a recipe says it, or another one is
            wanted.
        seed: Seed of the views.
        progress: Whether to show a progress bar.

    Returns:
        The files, and how the answers compare.

    Raises:
        UserError: If the model, the format or the data is not valid, the network cannot be traced, or a library is
            missing. No file is written then.
    """
    path = Path(to)
    if path.suffix not in FORMATS:
        raise unknown("format", path.suffix or str(path), FORMATS)
    if normalisation not in NORMALISATIONS:
        raise unknown("normalisation", normalisation, NORMALISATIONS)
    with one_sentence_errors():
        source = parse_source(model) if isinstance(model, str) else model
        name = source.name if isinstance(source, ModelSource) else type(source).__name__
        trained = dict(source.content.get("hyper_parameters", {})) if isinstance(source, ModelSource) else {}
        of_data = data.hparams["image_size"] if isinstance(data, InvarianceData) else Geometry.otherwise
        size = image_size or as_size(of_data)
        geometry = Geometry(image_size=image_size, otherwise=size)
        candidates = find_models({name: source}, preprocessing, geometry)
        writable_folder(path.parent)
        with candidates.borrowed():
            outputs = candidates.known_outputs
            chosen = None if data is None else open_data(data, outputs, max_images, None, seed)
            classes = outputs or (PUBLISHED_CLASSES if chosen is None else chosen.described["classes"])
            (found,) = candidates.load(classes, geometry, seed)
            found.classifier.cpu()
            # The weights alone are always those of a network of normalised pictures.
            packed = pack(found, normalisation if FORMATS[path.suffix].program else OUTSIDE)
            evaluated = None if results is None else find_evaluation(str(results), packed)
            pictures = _pictures(packed, chosen, max_images, seed)
            return _ship(packed, path, pictures, trained, evaluated, seed, progress)


def _pictures(packed: Packed, chosen: EvaluationData | None, most: int, seed: int) -> EvaluationData:
    if chosen is None:
        counts = {"train_images": 1, "val_images": most}
        drawn = InvarianceData("shapes", image_size=packed.description.size, shapes=counts, seed=seed)
        return open_data(drawn, None, most, None, seed)
    return chosen


def _ship(
    packed: Packed,
    path: Path,
    pictures: EvaluationData,
    trained: Mapping[str, Any],
    evaluated: Evaluated | None,
    seed: int,
    progress: bool,
) -> Exported:
    form, classifier = FORMATS[path.suffix], packed.model.classifier
    here: Callable[..., Any] = classifier if form.program else classifier.once
    rank_zero_info(f"writing {printable(packed.model.source.text)} to {printable(path)} ...")
    with torch.no_grad(), replacing(path) as temporary:
        form.write(packed, temporary)
        opened = open_written(packed, temporary)
        parity = measure_parity(here, opened.classify, classifier.preprocessing, pictures.images, seed, progress)
        remarks = remarks_on(packed, temporary, pictures.images, seed, progress)
    on = pictures.describe().removeprefix("data: ")
    written = Exported(
        path, path.with_name(f"{path.name}.md"), form.use(packed, path.name), parity, remarks, on, opened.runs_in
    )
    card = model_card(packed, path, written.use, parity, on, opened.runs_in, trained, evaluated)
    with replacing(written.card) as temporary:
        temporary.write_text(card, encoding="utf-8")
    return replace(written, use=form.use(packed, str(path)))
