"""The LightningModule: fine-tune a classifier and measure its invariance at every validation epoch."""

import math
from contextlib import nullcontext
from itertools import islice
from typing import Any, cast

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor, nn

from lit_invariance.data.batch import Batch
from lit_invariance.errors import UserError, unknown
from lit_invariance.metrics import Accuracy, ImageMean
from lit_invariance.mitigations import apply_mitigations, batch_norms, reestimate_batch_norm
from lit_invariance.mitigations.losses.distillation import Distillation
from lit_invariance.models.backbones import Backbone, create_backbone
from lit_invariance.models.exported.file import ExportedNetwork
from lit_invariance.models.grey import as_channels
from lit_invariance.models.image_size import checked_size, plain
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols import ImageTooSmall, views_of
from lit_invariance.training.answers import not_finite
from lit_invariance.training.folded_validation import FoldedValidation
from lit_invariance.training.guards import guards
from lit_invariance.training.invariance_callback import VIEWS_SEED, InvarianceCallback, with_neighbours
from lit_invariance.training.kept_hooks import KeptHooks
from lit_invariance.training.learning_rate import rate_in_use
from lit_invariance.training.measuring_cost import measuring_cost
from lit_invariance.training.mistakes import Mistakes
from lit_invariance.training.options import check_ranges
from lit_invariance.training.picture_range import PictureRange
from lit_invariance.training.schedule import OPTIMIZERS, keep_all_but, scheduled_optimizer

OWN_PREFIX = "val/"


class LitClassifier(pl.LightningModule):
    """An image classifier that is fine-tuned with mitigations while its invariance is measured.

    Logs `train/loss` and `train/acc`. At every validation epoch it logs `val/loss` and `val/acc` on the standard view
    (protocol `centre_crop`) of all validation images, and the scores of `InvarianceCallback`, such as
    `val/top1_change`, on the views that `invariance_protocol` makes of `invariance_images` of these images.

    Args:
        backbone: `torchvision/resnet50`, `timm/resnet50`, `antialiased_cnns/resnet50`, `tiny_resnet`, `cifar_resnet14`,
            `cifar_resnet20`.
        weights: None for random weights, `default` or a published name, or a local file; `file#entry` if the file holds
            several state dicts.
        num_classes: Number of outputs. If the weights have another number, the classification layer is replaced by a
            new one. None means the 1000 of ImageNet; on the command line, the number of classes in the data.
        image_size: Side S of the network's input in pixels, or [H, W]. On the command line it is set by
            `data.image_size`.
        channels: 3, or 1 for a network of grey pictures, see `create_backbone`. Pictures are always decoded as RGB, and
            made grey in front of such a network.
        mitigations: What makes the network more invariant: names or `{name: {option: value}}`; see `MITIGATIONS` and,
            for order and combination, `apply_mitigations`.
        reestimate_batch_norm: Training images, in whole batches, on which the statistics of batch normalisation are
            re-estimated before the first step, which is recommended after surgery; 0 keeps those of the weights.
        freeze_batch_norm: Keep these statistics fixed during training.
        optimizer: `sgd` (Nesterov) or `adamw`.
        lr: Learning rate for a batch of 256 images, reached after the warm-up.
        backbone_lr: Learning rate of everything but the classification layer; None means `lr`. With 0 only that layer
            is trained, and no gradient of the others is computed.
        lr_scaling: Scale both to the true batch, processes and accumulated passes included: in proportion for `sgd`, by
            the square root for `adamw`.
        momentum: Momentum of SGD, first beta of AdamW.
        weight_decay: Decay of weights; biases and normalisation are not decayed.
        warmup_epochs: Epochs of linear warm-up, before the cosine decay to 0.
        label_smoothing: Share of the target that is spread over all classes, in [0, 1).
        compile: Compile the network for training, which takes some minutes at the start and, on a CPU, needs a C++
            compiler. Validation is not compiled, and checkpoints are the same.
        invariance_protocol: A protocol with at least two views: a name or `{name: {option: value}}`.
        invariance_images: Number of validation images on which invariance is measured, evenly spaced over the data
            set; 0 turns the measurement off.

    Raises:
        UserError: If a name, an option or a weights file is not valid.
    """

    _mean: Tensor
    _std: Tensor

    def __init__(
        self,
        backbone: str,
        weights: str | None = None,
        num_classes: int | None = None,
        image_size: int | list[int] = 224,
        channels: int = 3,
        mitigations: list[str | dict[str, Any]] | None = None,
        reestimate_batch_norm: int = 0,
        freeze_batch_norm: bool = False,
        optimizer: str = "sgd",
        lr: float = 0.01,
        backbone_lr: float | None = None,
        lr_scaling: bool = True,
        momentum: float = 0.9,
        weight_decay: float = 1e-4,
        warmup_epochs: float = 0.0,
        label_smoothing: float = 0.0,
        compile: bool = False,
        invariance_protocol: str | dict[str, Any] = "embed_black",
        invariance_images: int = 500,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        num_classes = 1000 if num_classes is None else num_classes
        size = checked_size("model", image_size)
        self.hparams.update(num_classes=num_classes, image_size=plain(size))
        check_ranges(self.hparams)
        if optimizer not in OPTIMIZERS:
            raise unknown("optimizer", optimizer, OPTIMIZERS)
        made = create_backbone(backbone, weights, num_classes, size, channels)
        self.num_classes, self.image_size, self.heads = num_classes, size, made.heads
        self.trained_classes, self._new_head = made.trained_classes, _new_head(made, backbone)
        self.backbone = made.network
        self.mitigated = apply_mitigations(self.backbone, mitigations or [], self._classify)
        self.backbone.to(memory_format=torch.channels_last)
        if backbone_lr == 0:
            keep_all_but(self.backbone, self.heads)
        self.loss = nn.CrossEntropyLoss(label_smoothing=label_smoothing)
        self.configure_preprocessing(made.preprocessing.trained_at(size))
        self.configure_metrics()
        self._mistakes, self._range = Mistakes(), PictureRange()
        self._compiled, self._hooks, self._folded = False, KeptHooks(self.backbone), FoldedValidation()

    def configure_preprocessing(self, preprocessing: Preprocessing) -> None:
        """Set up the normalisation of the input and the two validation protocols.

        Args:
            preprocessing: The preprocessing that the network expects, at its own image size.
        """
        self.preprocessing, self.mean = preprocessing, preprocessing.mean
        for name, values in zip(("_mean", "_std"), preprocessing.scale, strict=True):
            self.register_buffer(name, _per_channel(values), persistent=False)
        self.configure_views()

    def configure_views(self) -> None:
        """Set up the two validation protocols: the standard view and the neighbouring views."""
        self.centre_crop = self.preprocessing.protocol("centre_crop")
        self.protocol = with_neighbours(self.preprocessing.protocol(self.hparams["invariance_protocol"]))
        images = self.hparams["invariance_images"]
        # The images of its batches are not normalised, and `forward` takes values from 0 to 1.
        scale: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
        self.invariance = InvarianceCallback(self.protocol, images, prefix=OWN_PREFIX, **scale) if images else None

    def configure_callbacks(self) -> list[Callback]:
        """Return those that warn, fold or measure invariance, and the user's own ones, which Lightning would drop."""
        present: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
        own = [other for other in present if isinstance(other, InvarianceCallback) and other.prefix != OWN_PREFIX]
        watching = [*guards(), self._folded, *([] if self.invariance is None else [*own, self.invariance])]
        return [] if self.invariance in present else watching

    def configure_metrics(self) -> None:
        """Set up the metrics."""
        self.train_accuracy, self.val_accuracy, self.val_loss = Accuracy(), Accuracy(), ImageMean(cross_entropy)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images; in evaluation mode, the inference wrappers are applied.

        Args:
            images: `(N, 3, S, S)`, uint8 or float in [0, 1].

        Returns:
            Logits `(N, K)`.
        """
        if self.training:
            return self._classify(images)
        return self.mitigated.infer(_as_float(images))

    def once(self, images: Tensor) -> Tensor:
        """Classify as `forward` in a single pass, without inference wrappers."""
        return self._classify(_as_float(images))

    def _classify(self, images: Tensor) -> Tensor:
        # A validation's batches are of several sizes, each of which would be compiled anew.
        as_it_is = torch.compiler.set_stance("force_eager") if self._compiled and not self.training else nullcontext()
        network = self._folded.network or self.backbone
        with as_it_is:
            logits: Tensor = network(self.normalise(images))
        return logits

    def normalise(self, images: Tensor) -> Tensor:
        """Normalise images `(N, 3, H, W)`, uint8 or float in [0, 1], into the network's input.

        Returns:
            (images - mean) / std, of grey images for a network of one channel, computed in float32, then cast to the
            precision of the parameters in channels_last.

        Raises:
            UserError: If the first floats that it is given lie far outside [0, 1], as normalised pictures do.
        """
        self._range.see(images)
        pictures = as_channels(_as_float(images), len(self.mean))
        normalised = (pictures - self._mean.float()) / self._std.float()
        return normalised.to(self._mean.dtype).contiguous(memory_format=torch.channels_last)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch `{"image": (N, 3, S, S) uint8, "label": (N,)}`."""
        labels = batch["label"]
        logits = self(batch["image"])
        loss = self._training_loss(batch["image"], labels, logits)
        self.log("train/loss", loss, prog_bar=True, batch_size=len(labels))
        if self._labelled:
            self.train_accuracy(logits.detach()[:, None], labels)
            self.log("train/acc", self.train_accuracy, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def _training_loss(self, images: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        weight = self.mitigated.label_weight
        # Pictures without labels have a number that the loss would refuse.
        total = weight * self.loss(logits.float(), labels) if weight else logits.new_zeros(())
        for loss in self.mitigated.losses:
            term = loss(self, images, logits)
            self.log(f"train/{loss.name}", term, batch_size=len(labels))
            total = total + loss.weight * term
        return cast(Tensor, total)

    def on_fit_start(self) -> None:
        """Report what is new or was changed, and prepare losses and network.

        Raises:
            UserError: If the pictures have no labels, and the loss needs them.
        """
        if not self._labelled:
            self._see_unlabelled()
        self._hooks.restore(self.backbone)
        if self._new_head and self.trainer.ckpt_path is None:
            rank_zero_info(self._new_head)
        if self.trainer.is_global_zero:
            for sentence in self.mitigated.report():
                rank_zero_info(sentence)
        for loss in self.mitigated.losses:
            loss.prepare(self)
        if self.hparams["compile"] and not self._compiled:
            self.backbone.compile()
            self._compiled = True

    def on_fit_end(self) -> None:
        """Keep the network as it was trained: Lightning takes the layers of `sync_batchnorm` out again."""
        self._hooks.restore(self.backbone)

    @property
    def _labelled(self) -> bool:
        """Whether the classes of the pictures are known, as they always are to a DataModule that does not say it."""
        data = getattr(self.trainer, "datamodule", None)
        return bool(getattr(data, "labelled", True))

    @property
    def _teacher(self) -> Distillation | None:
        return next((loss for loss in self.mitigated.losses if isinstance(loss, Distillation)), None)

    def _see_unlabelled(self) -> None:
        if self._teacher is None or self.mitigated.label_weight:
            raise UserError(
                "the pictures have no labels, but the training loss needs them; learn from the network's own answers: "
                "add distillation to model.mitigations, without label_weight."
            )
        rank_zero_info("no labels:   val/acc is the share of pictures that are answered as the teacher answers them")

    def on_train_start(self) -> None:
        """Report rate and costs, and re-estimate batch normalisation unless the training is resumed."""
        rank_zero_info(rate_in_use(self.trainer, self.hparams))
        cost = measuring_cost(self.trainer, self.protocol, self.hparams["invariance_images"], self.mitigated.passes)
        if cost is not None:
            rank_zero_info(cost)
        self.on_train_epoch_start()  # Lightning does not call it for an epoch that is resumed in its middle
        wanted = self.hparams["reestimate_batch_norm"]
        if wanted and not self.trainer.global_step:
            # A separate loader, because the training's has begun to fetch and its workers serve one reader at a time.
            batches = self.trainer.datamodule.train_dataloader()  # type: ignore[attr-defined]
            count = min(math.ceil(wanted / batches.batch_size), len(batches))
            rank_zero_info(f"batch-norm statistics: re-estimated on {count * batches.batch_size} training images")
            images = (batch["image"].to(self.device) for batch in islice(batches, count))
            reestimate_batch_norm(self.backbone, map(self.normalise, images))
            self._share_statistics()

    def on_train_epoch_start(self) -> None:
        """Keep the statistics of batch normalisation fixed if `freeze_batch_norm` is set."""
        if self.hparams["freeze_batch_norm"]:
            for layer in batch_norms(self.backbone):
                layer.eval()

    def on_validation_start(self) -> None:
        """Make sure that validation measures the statistics that a checkpoint would store."""
        self._share_statistics()

    def _share_statistics(self) -> None:
        """Give all processes the running statistics of the first process, which a checkpoint stores.

        Distributed training shares them only before each step, so after the last step each process has its own.
        """
        if self.trainer.world_size > 1:
            for buffer in self.backbone.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure loss and accuracy on the standard view; the callback measures the invariance.

        Without labels, the answers of the teacher take their place, because a classifier that always gives one answer
        is perfectly invariant, and would be the best one otherwise.
        """
        with self._mistakes.kept(self.trainer):
            views = self._standard_views(batch)
            logits = self(views).float()[:, None]
            if not logits.isfinite().all():
                rate = self.hparams["lr"]
                raise not_finite(
                    self.trainer,
                    "on the validation images",
                    f"lower model.lr (now {rate}) or raise model.warmup_epochs",
                )
            teacher = None if self._labelled else self._teacher
            labels = batch.labels if teacher is None else teacher.classes(self, views)
            self.val_accuracy.update(logits, labels)
            self.val_loss.update(logits, labels)

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
        """Return the optimiser and its schedule, which advances with every batch."""
        if isinstance(self.backbone, ExportedNetwork):
            raise UserError(
                f"{self.hparams['backbone']} is an exported file, which cannot be trained; name the network that it "
                "was made of."
            )
        return scheduled_optimizer(self.trainer, self.backbone, self.heads, self.hparams)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each image's first view, `(N, T, K)` and `(N,)` to `(N,)`, in nats."""
    return F.cross_entropy(logits[:, 0], labels, reduction="none")


def _as_float(images: Tensor) -> Tensor:
    if images.dtype == torch.uint8:
        return images.float() / 255
    return images.to(torch.promote_types(images.dtype, torch.float32))


def _per_channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values)[:, None, None]


def _new_head(made: Backbone, name: str) -> str | None:
    """Say that the classification layer is untrained; None where it is not."""
    if not made.new_head:
        return None
    have = f"are of {made.trained_classes} classes" if made.trained_classes else "hold no classification layer"
    return f"{name}: its weights {have}; {' and '.join(made.heads)} is new, with {made.num_classes} outputs."
