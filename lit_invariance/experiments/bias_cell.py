"""One cell of the causal experiment: a network trained under one bias and mitigation, and measured in and out of it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

from lit_invariance.cli.request import LOADING
from lit_invariance.cli.run_folder import CHECKPOINTS
from lit_invariance.cli.train import train
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.geometry import Geometry
from lit_invariance.evaluation.model_sources import parse_source
from lit_invariance.evaluation.models import load_models
from lit_invariance.evaluation.precision import EXACT
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.evaluation.runner import make_trainer, run
from lit_invariance.evaluation.summary import summarise
from lit_invariance.files import replacing
from lit_invariance.registry import Spec
from lit_invariance.results.schema import estimate

CONFIGS = {"plain": "shapes.yaml", "translation": "aug_shapes.yaml", "blurpool": "aa_shapes.yaml"}
# A square of .79 of a 72-px picture has a side of 64 px: the picture moves by a pixel and is not resized.
IMAGE_SIZE = 64
PROTOCOL: Spec = {"crop": {"area": [0.79, 0.79]}}
SCORES = ("accuracy", "top1_change")
UNBIASED = 0.0


@dataclass(frozen=True)
class Trial:
    """What one cell is made of.

    Attributes:
        bias: Photographer's bias of the training images in [0, 1].
        mitigation: A key of `CONFIGS`.
        seed: Seed of the images, of the weights and of the order.
        train_images: Number of training images.
        val_images: Number of images measured.
        epochs: Epochs of training.
    """

    bias: float
    mitigation: str
    seed: int
    train_images: int
    val_images: int
    epochs: int

    @property
    def name(self) -> str:
        """Its name in files."""
        return f"bias{self.bias:g}_{self.mitigation}_seed{self.seed}"


class Measured(TypedDict):
    """Mean over images of a score, with its interval; `where` is `inside` or `outside` the training distribution."""

    where: str
    score: str
    mean: float
    low: float
    high: float


class TrialResult(TypedDict):
    """A finished cell: what it was made of (the fields of `Trial`), and what was measured."""

    settings: dict[str, Any]
    measured: list[Measured]


class CausalResults(TypedDict):
    """The whole experiment: its cells in the order of the grid."""

    cells: list[TrialResult]


def finished(cell: Trial, folder: Path) -> TrialResult | None:
    """Return what an earlier call has measured, or None.

    Args:
        cell: The cell.
        folder: Where cells are kept.

    Raises:
        UserError: If the file cannot be read, or a cell of that name was made with other settings.
    """
    path = folder / f"{cell.name}.json"
    if not path.is_file():
        return None
    try:
        result: TrialResult = json.loads(path.read_text(encoding="utf-8"))
        same = result["settings"] == asdict(cell)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read as a cell of the experiment; delete it.") from error
    if not same:
        raise UserError(f"{path} was measured with other settings; choose another --output, or delete it.")
    return result


def run_cell(cell: Trial, folder: Path) -> TrialResult:
    """Train and measure one cell, and keep the result as a file.

    The last epoch is measured: the best one was chosen by the images inside the distribution. Inside and outside are
    pictures of the same shapes, colours and textures that no training has seen, which differ in place and size alone.

    Args:
        cell: The cell.
        folder: Where cells are kept; it exists.

    Raises:
        UserError: If training or measuring refuses something.
    """
    images = {"train_images": cell.train_images, "val_images": cell.val_images}
    name = f"causal/{cell.name}"
    train(_training_arguments(cell, name, images))
    measured: list[Measured] = []
    for where, bias in (("inside", cell.bias), ("outside", UNBIASED)):
        shapes = {"bias": bias, **images}
        data = InvarianceData(
            dataset="shapes", image_size=IMAGE_SIZE, seed=cell.seed, shapes=shapes, num_workers=0, **LOADING
        )
        measured += _measure(CHECKPOINTS / name / "last.ckpt", data, where, cell.seed)
    result: TrialResult = {"settings": asdict(cell), "measured": measured}
    with replacing(folder / f"{cell.name}.json") as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def _training_arguments(cell: Trial, name: str, images: dict[str, int]) -> list[str]:
    options: dict[str, object] = {
        "config": CONFIGS[cell.mitigation],
        "name": name,
        "overwrite": "true",
        "seed_everything": cell.seed,
        "data.seed": cell.seed,
        "data.image_size": IMAGE_SIZE,
        "data.shapes": json.dumps({"bias": cell.bias, **images}),
        "trainer.max_epochs": cell.epochs,
        "trainer.devices": 1,
        "trainer.enable_model_summary": "false",
        "trainer.log_every_n_steps": 1,
    }
    return [word for option, value in options.items() for word in (f"--{option}", str(value))]


def _measure(checkpoint: Path, data: InvarianceData, where: str, seed: int) -> list[Measured]:
    models = load_models([parse_source(f"network={checkpoint}")], data.num_classes, Geometry(), seed)
    trainer = make_trainer("auto", 1, EXACT, progress=False)
    outcomes, _ = run(trainer, models, choose_protocols([PROTOCOL]), EvaluationData.of(data), seed)
    return [
        {"where": where, "score": row["score"], "mean": known[0], "low": known[1], "high": known[2]}
        for row in summarise(outcomes, "network", seed)
        if row["score"] in SCORES and (known := estimate(row))
    ]
