"""A warning of batch-norm statistics that do not fit what reaches the layers, as after surgery on trained weights."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor, nn

from lit_invariance.mitigations import batch_norms
from lit_invariance.training.answers import evaluation_mode

FAR = 0.2
"""MobileNetV2 with published weights on 16 training pictures: .06 to .13 untouched, .02 to .12 with statistics
re-estimated, .28 to .44 with other padding, .40 to .66 with BlurPool of 3 or 4 taps."""


class StaleStatistics(Callback):
    """Say before the first step that trained statistics differ from those of the first batch.

    Only networks with trained weights are looked at, after `reestimate_batch_norm`. The criterion is `misfit`.
    """

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Show the first batch to the network in evaluation mode."""
        if trainer.global_step or batch_idx or pl_module.hparams["weights"] is None:
            return
        network: Any = pl_module.backbone
        looking = evaluation_mode(pl_module), torch.no_grad(), trainer.precision_plugin.forward_context()
        with looking[0], looking[1], looking[2], _watched(network) as found:
            pl_module.once(batch["image"])  # type: ignore[operator]
        if found and misfit(found) > FAR:
            rank_zero_info(
                "warning: the batch-norm statistics of the weights do not fit what now reaches their layers (variances "
                f"differ by a factor of {math.exp(misfit(found)):.1f}); set --model.reestimate_batch_norm 1000."
            )


def misfit(variances: list[tuple[Tensor, Tensor]]) -> float:
    """Return how far the variances of the layers have moved: |mean of ln(present / kept) over channels|, over layers.

    Over the channels signs cancel, so that a small batch's noise does, while surgery moves all to one side.

    Args:
        variances: For each layer the variance of its input and the one that it keeps, both `(C,)` and positive.
    """
    return float(torch.stack([(now / kept).log().mean().abs() for now, kept in variances]).mean())


@contextmanager
def _watched(network: nn.Module) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Collect the two variances of every layer that a forward pass reaches."""
    found: list[tuple[Tensor, Tensor]] = []

    def look(layer: Any, inputs: tuple[Tensor]) -> None:
        variance = inputs[0].float().transpose(0, 1).flatten(1).var(1)
        found.append((variance + layer.eps, layer.running_var.float() + layer.eps))

    handles = [layer.register_forward_pre_hook(look) for layer in batch_norms(network)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
