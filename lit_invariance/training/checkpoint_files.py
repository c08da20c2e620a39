"""How a training's checkpoints are written: completely, and the best one and the last one from the same run."""

import io
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.utilities import rank_zero_info

from lit_invariance.errors import UserError
from lit_invariance.files import replacing
from lit_invariance.training.checkpoint import read_checkpoint

BEST, LAST = "best.ckpt", "last.ckpt"


class WholeCheckpoints(TorchCheckpointIO):
    """Write each checkpoint beside its final name and rename it, so that a killed run leaves the old one or the new.

    Lightning's own goes through a temporary folder, which may be another file system.

    Args:
        after_first: Called with the path of the first checkpoint once that is on the disk.
    """

    def __init__(self, after_first: Callable[[Path], None] | None = None) -> None:
        self._after_first = after_first

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Args:
            checkpoint: Lightning's dictionary.
            path: Where to write it: a path of this machine, or an address that Lightning can write to.
            storage_options: Unused; Lightning refuses any.

        Raises:
            UserError: If it cannot be written, as on a full disk.
        """
        if storage_options is not None or "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        # By way of memory: torch hides from its caller why it could not write to a file.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            temporary.write_bytes(content.getbuffer())
        after, self._after_first = self._after_first, None
        if after is not None:
            after(target)


class RunIdentity(Callback):
    """Gives all checkpoints of a run a common name, which it keeps when it is resumed."""

    def __init__(self) -> None:
        self.identity = uuid.uuid4().hex

    def state_dict(self) -> dict[str, Any]:
        """Return the name."""
        return {"identity": self.identity}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue with the name of the resumed run."""
        self.identity = state_dict["identity"]


def identity_of(checkpoint: Mapping[str, Any]) -> str | None:
    """Return the name of the run that a checkpoint is of; None for one of an earlier version."""
    identity: str | None = checkpoint.get("callbacks", {}).get(RunIdentity.__qualname__, {}).get("identity")
    return identity


class Best(ModelCheckpoint):
    """Keep the most accurate epoch in `best.ckpt`.

    Accuracy decides, because a classifier that always gives one answer is perfectly invariant. A run that goes on
    believes the file rather than its own notes: it may have been killed after `best.ckpt` and before `last.ckpt`.

    Args:
        folder: Where the file is written.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, filename=Path(BEST).stem, monitor="val/acc", mode="max", enable_version_counter=False)

    def on_load_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Replace what the checkpoint says of the best one by what the best one says of itself."""
        states: dict[str, Any] = checkpoint.get("callbacks", {})
        noted = states.pop(self.state_key, None)
        assert self.dirpath is not None
        path = Path(self.dirpath, BEST)
        if not path.is_file():
            if noted is not None and Path(noted["dirpath"]) == path.parent:
                rank_zero_info(f"{path} is missing; the checkpoint of the next epoch replaces it.")
            return
        try:
            found = read_checkpoint(path)
        except UserError as error:
            rank_zero_info(f"{error} The checkpoint of the next epoch replaces it.")
            return
        if identity_of(found) != identity_of(checkpoint):
            rank_zero_info(f"{path} does not belong to the resumed run; the checkpoint of the next epoch replaces it.")
            return
        state = found.get("callbacks", {}).get(self.state_key)
        if state is None:
            return
        if noted is None or state["best_model_score"] != noted["best_model_score"]:
            rank_zero_info(
                f"{path} has val/acc {float(state['best_model_score']):.4f}, which is not stored in the "
                "checkpoint to resume from."
            )
        states[self.state_key] = state


class Last(ModelCheckpoint):
    """Keep every epoch's end in `last.ckpt`; one callback cannot do both, because the best one waits for a better one.

    Args:
        folder: Where the file is written.
    """

    def __init__(self, folder: Path) -> None:
        stem = Path(LAST).stem
        super().__init__(folder, filename=stem, save_on_train_epoch_end=True, enable_version_counter=False)
