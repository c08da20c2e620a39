"""What the recipe works with: the user's settings of network, data and training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.fixing.candidates import Arm
from lit_invariance.user_code.importing import PYTHON


@dataclass(frozen=True)
class Plan:
    """The settings of a run.

    Attributes:
        model: Options of `LitClassifier`.
        data: Options of `InvarianceData`.
        trainer: Options of Lightning's Trainer that say where and how long to train.
        protocols: The protocols under which answers are to stay the same.
        seed: Seed of the trainings, of the held-out pictures and of their views.
    """

    model: Mapping[str, Any]
    data: Mapping[str, Any]
    trainer: Mapping[str, Any]
    protocols: Sequence[ProtocolChoice]
    seed: int

    def source_of(self, path: Path) -> str:
        """Return what `--models` takes for a checkpoint of this run: code of the user's own must be named beside it."""
        backbone = str(self.model["backbone"])
        return f"{backbone}@{path}" if backbone.startswith(PYTHON) else str(path)

    def data_for(self, arm: Arm, positions: Sequence[int] | None = None) -> InvarianceData:
        """Open the data for a training.

        Args:
            arm: The network to train.
            positions: Positions of the training images to train on; None for all.
        """
        data = InvarianceData(**{**self.data, **arm.data})
        data.check_classes(self.model["num_classes"])
        return data if positions is None else data.training_on(positions)

    def model_for(self, arm: Arm) -> dict[str, Any]:
        """Return the options of `LitClassifier` for a network; mitigations of the arm come after the user's own."""
        options = {**self.model, **arm.model}
        options["lr"] = arm.times_lr * self.model["lr"]
        options["mitigations"] = [*(self.model["mitigations"] or ()), *arm.model.get("mitigations", ())] or None
        return options
