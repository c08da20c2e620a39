"""The LightningModule: fine-tune a classifier and measure its invariance at every validation epoch."""

import math
from functools import partial
from itertools import islice
from typing import Any, cast

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from lit_invariance.data.batch import Batch
from lit_invariance.errors import UserError, unknown
from lit_invariance.metrics import Accuracy, ImageMean
from lit_invariance.mitigations import apply_mitigations, batch_norms, reestimate_batch_norm
from lit_invariance.models.backbones import create_backbone
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols import ImageTooSmall, views_of
from lit_invariance.training.answers import not_finite
from lit_invariance.training.invariance_callback import VIEWS_SEED, InvarianceCallback, with_neighbours
from lit_invariance.training.measuring_cost import measuring_cost
from lit_invariance.training.mistakes import Mistakes
from lit_invariance.training.options import check_ranges
from lit_invariance.training.rising_loss import RisingLoss
from lit_invariance.training.schedule import OPTIMIZERS, parameter_groups, planned_steps, warmup_cosine

OWN_PREFIX = "val/"


class LitClassifier(pl.LightningModule):
    """An image classifier that is fine-tuned with mitigations and watched for invariance.

    Logs `train/loss` and `train/acc`; at every validation epoch `val/loss` and `val/acc` on the standard view of all
    validation images (protocol `centre_crop`), and the scores of `InvarianceCallback`,
    `val/top1_change` among them, on the views of `invariance_protocol` of `invariance_images` of them.

    Args:
        backbone: `torchvision/resnet50`, `timm/resnet50`, `antialiased_cnns/resnet50`, `tiny_resnet`, `cifar_resnet20`.
        weights: None for random ones, `default` or a published name, or a local file, `file#entry` where it holds
            several state dicts.
        num_classes: Number of outputs; where the weights have another number, the head is a new one. None takes the
            1000 of ImageNet; the command takes the number of the data's classes.
        image_size: Side S of the network's input in pixels. The command line takes it from `data.image_size`.
        mitigations: What makes the network more invariant: names or `{name: {option: value}}`; see `MITIGATIONS` and,
            for order and combination, `apply_mitigations`.
        reestimate_batch_norm: Training images, in whole batches, on which the statistics of batch normalisation are
            re-estimated before the first step, as surgery wants it; 0 keeps those of the weights.
        freeze_batch_norm: Keep these statistics during the training.
        optimizer: `sgd` (Nesterov) or `adamw`.
        lr: Learning rate, reached after the warm-up.
        backbone_lr: Learning rate of everything but the classification layer; None takes `lr`.
        momentum: Momentum of SGD, first beta of AdamW.
        weight_decay: Decay of weights; biases and normalisation are not decayed.
        warmup_epochs: Epochs of the linear warm-up, before the cosine down to 0.
        label_smoothing: Share of the target spread over all classes, in [0, 1).
        invariance_protocol: A protocol with two views or more: a name or `{name: {option: value}}`.
        invariance_images: Number of validation images it is measured on, evenly spaced over the set; 0 measures none.

    Raises:
        UserError: If a name, an option or a weights file is refused.
    """

    _mean: Tensor
    _std: Tensor

    def __init__(
        self,
        backbone: str,
        weights: str | None = None,
        num_classes: int | None = None,
        image_size: int = 224,
        mitigations: list[str | dict[str, Any]] | None = None,
        reestimate_batch_norm: int = 0,
        freeze_batch_norm: bool = False,
        optimizer: str = "sgd",
        lr: float = 0.01,
        backbone_lr: float | None = None,
        momentum: float = 0.9,
        weight_decay: float = 1e-4,
        warmup_epochs: float = 0.0,
        label_smoothing: float = 0.0,
        invariance_protocol: str | dict[str, Any] = "embed_black",
        invariance_images: int = 500,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        num_classes = 1000 if num_classes is None else num_classes
        self.hparams["num_classes"] = num_classes
        check_ranges(self.hparams)
        if optimizer not in OPTIMIZERS:
            raise unknown("optimizer", optimizer, OPTIMIZERS)
        made = create_backbone(backbone, weights, num_classes, image_size)
        self.num_classes, self.image_size, self.heads = num_classes, image_size, made.heads
        self.trained_classes = made.trained_classes
        self.backbone = made.network
        self.mitigated = apply_mitigations(self.backbone, mitigations or [], self._classify)
        self.backbone.to(memory_format=torch.channels_last)
        self.loss = nn.CrossEntropyLoss(label_smoothing=label_smoothing)
        self.configure_preprocessing(made.preprocessing.trained_at(image_size))
        self.configure_metrics()
        self._mistakes = Mistakes()

    def configure_preprocessing(self, preprocessing: Preprocessing) -> None:
        """Set up what the input is: its normalisation, and the two protocols of validation.

        Args:
            preprocessing: What the network expects of a picture, at its own image size.
        """
        self.preprocessing, self.mean = preprocessing, preprocessing.mean
        self.register_buffer("_mean", _per_channel(preprocessing.mean), persistent=False)
        self.register_buffer("_std", _per_channel(preprocessing.std), persistent=False)
        self.configure_views()

    def configure_views(self) -> None:
        """Set the two protocols of validation up: the standard view, and the neighbouring views."""
        self.centre_crop = self.preprocessing.protocol("centre_crop")
        self.protocol = with_neighbours(self.preprocessing.protocol(self.hparams["invariance_protocol"]))
        images = self.hparams["invariance_images"]
        # The pictures of its batches are as they were decoded, and `forward` takes them from 0 to 1.
        scale: dict[str, Any] = {"mean": (0.0,) * len(self.mean), "std": (1.0,) * len(self.mean)}
        self.invariance = InvarianceCallback(self.protocol, images, prefix=OWN_PREFIX, **scale) if images else None

    def configure_callbacks(self) -> list[Callback]:
        """Return what watches the loss and the invariance, with the user's own callbacks that Lightning would drop."""
        present: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
        own = [other for other in present if isinstance(other, InvarianceCallback) and other.prefix != OWN_PREFIX]
        watching: list[Callback] = [RisingLoss()] if self.invariance is None else [RisingLoss(), *own, self.invariance]
        return [] if self.invariance in present else watching

    def configure_metrics(self) -> None:
        """Set the metrics up."""
        self.train_accuracy, self.val_accuracy, self.val_loss = Accuracy(), Accuracy(), ImageMean(cross_entropy)

    def forward(self, images: Tensor) -> Tensor:
        """Classify; in evaluation mode through the inference wrappers.

        Args:
            images: `(N, 3, S, S)`, uint8 or float in [0, 1].

        Returns:
            Logits `(N, K)`.
        """
        if self.training:
            return self._classify(images)
        return self.mitigated.infer(_as_float(images))

    def _classify(self, images: Tensor) -> Tensor:
        logits: Tensor = self.backbone(self.normalise(images))
        return logits

    def normalise(self, images: Tensor) -> Tensor:
        """Turn pictures `(N, 3, S, S)`, uint8 or float in [0, 1], into the network's input.

        Returns:
            The pictures less the mean, by the standard deviation: computed in float32, then in the precision of the
            parameters and in channels_last.
        """
        normalised = (_as_float(images) - self._mean.float()) / self._std.float()
        return normalised.to(self._mean.dtype).contiguous(memory_format=torch.channels_last)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch `{"image": (N, 3, S, S) uint8, "label": (N,)}`."""
        labels = batch["label"]
        logits = self(batch["image"])
        loss = self._training_loss(batch["image"], labels, logits)
        self.train_accuracy(logits.detach()[:, None], labels)
        self.log("train/loss", loss, prog_bar=True, batch_size=len(labels))
        self.log("train/acc", self.train_accuracy, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def _training_loss(self, images: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        total = self.mitigated.label_weight * self.loss(logits.float(), labels)
        for loss in self.mitigated.losses:
            term = loss(self, images, logits)
            self.log(f"train/{loss.name}", term, batch_size=len(labels))
            total = total + loss.weight * term
        return cast(Tensor, total)

    def on_fit_start(self) -> None:
        """Say what was changed, and let the losses get ready."""
        if self.trainer.is_global_zero:
            for sentence in self.mitigated.report():
                rank_zero_info(sentence)
        for loss in self.mitigated.losses:
            loss.prepare(self)

    def on_train_start(self) -> None:
        """Say what the measurement costs, and prepare batch normalisation unless an interrupted training goes on."""
        cost = measuring_cost(self.trainer, self.protocol, self.hparams["invariance_images"], self.mitigated.passes)
        if cost is not None:
            rank_zero_info(cost)
        self.on_train_epoch_start()  # an epoch that goes on from its middle has no start of its own
        wanted = self.hparams["reestimate_batch_norm"]
        if wanted and not self.trainer.global_step:
            # A loader of its own: the training's has begun to fetch, and its workers serve one reader at a time.
            batches = self.trainer.datamodule.train_dataloader()  # type: ignore[attr-defined]
            count = min(math.ceil(wanted / batches.batch_size), len(batches))
            rank_zero_info(f"batch-norm statistics from {count * batches.batch_size} training images")
            images = (batch["image"].to(self.device) for batch in islice(batches, count))
            reestimate_batch_norm(self.backbone, map(self.normalise, images))
            self._share_statistics()

    def on_train_epoch_start(self) -> None:
        """Keep the statistics of batch normalisation where that was asked for."""
        if self.hparams["freeze_batch_norm"]:
            for layer in batch_norms(self.backbone):
                layer.eval()

    def on_validation_start(self) -> None:
        """Measure what a checkpoint would keep."""
        self._share_statistics()

    def _share_statistics(self) -> None:
        """Give all processes the running statistics of the first, which are the ones a checkpoint keeps.

        Distributed training shares them before each step only, so that after the last one each process holds its own.
        """
        if self.trainer.world_size > 1:
            for buffer in self.backbone.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure loss and accuracy on the standard view; the invariance is left to the callback."""
        with self._mistakes.kept(self.trainer):
            logits = self(self._standard_views(batch)).float()[:, None]
            if not logits.isfinite().all():
                rate = self.hparams["lr"]
                raise not_finite(
                    self.trainer,
                    "on the validation images",
                    f"lower model.lr (now {rate}) or raise model.warmup_epochs",
                )
            self.val_accuracy.update(logits, batch.labels)
            self.val_loss.update(logits, batch.labels)

    def _standard_views(self, batch: Batch) -> Tensor:
        try:
            return views_of(self.centre_crop, batch.images, batch.indices, VIEWS_SEED)[:, 0]
        except ImageTooSmall as error:
            loader: Any = self.trainer.val_dataloaders
            raise UserError(
                f"validation {loader.dataset.name(error.index)} cannot be shown: {error.reason} Remove it."
            ) from error

    def on_validation_epoch_end(self) -> None:
        """Log loss and accuracy, gathered over all processes."""
        self._mistakes.tell(self.trainer)
        self.log("val/loss", self.val_loss)
        self.log("val/acc", self.val_accuracy, prog_bar=True)

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule, one step a batch."""
        options = self.hparams
        backbone_lr = options["lr"] if options["backbone_lr"] is None else options["backbone_lr"]
        groups = parameter_groups(self.backbone, self.heads, options["lr"], backbone_lr, options["weight_decay"])
        optimizer = OPTIMIZERS[options["optimizer"]](groups, options["momentum"])
        warmup, total = planned_steps(self.trainer, options["warmup_epochs"])
        curve = LambdaLR(optimizer, partial(warmup_cosine, warmup=warmup, total=total))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": curve, "interval": "step"}}


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each image's first view, `(N, T, K)` and `(N,)` to `(N,)`, in nats."""
    return F.cross_entropy(logits[:, 0], labels, reduction="none")


def _as_float(images: Tensor) -> Tensor:
    if images.dtype == torch.uint8:
        return images.float() / 255
    return images.to(torch.promote_types(images.dtype, torch.float32))


def _per_channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values)[:, None, None]
