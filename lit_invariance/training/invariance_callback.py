"""The callback that watches any classifier's invariance while it trains."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor
from torchmetrics import Metric

from lit_invariance.constants import IMAGENET_MEAN, IMAGENET_STD
from lit_invariance.data.batch import Batch, Positioned
from lit_invariance.data.source import UNLABELLED
from lit_invariance.errors import UserError
from lit_invariance.metrics import Accuracy, Agreement, ErrorConsistency, MeanAbsoluteChange, Top1Change
from lit_invariance.models.grey import as_channels
from lit_invariance.protocols import PROTOCOLS, ImageTooSmall, Protocol, views_of
from lit_invariance.protocols.window import Size, as_size
from lit_invariance.registry import Spec, build, check, parse_spec
from lit_invariance.training.answers import VIEWS_AT_ONCE, answers, not_finite
from lit_invariance.training.choice import Choice, choose, first_loader
from lit_invariance.training.mistakes import Mistakes
from lit_invariance.training.pictures import Contents, Scale, unpack
from lit_invariance.training.source_pictures import PictureData, SourcePictures

VIEWS_SEED = 0
SCORED_BY_LABEL = "first_view_accuracy"


class InvarianceCallback(Callback):
    """Measures at every validation how easily a classifier changes its answer when the picture moves.

    For any LightningModule whose `forward` turns pictures `(N, C, S, S)` into logits `(N, K)` or an object with
    `.logits`, with any DataModule or DataLoader. Logs for each protocol

    * `val/<protocol>/top1_change`: share of pairs of neighbouring views with different top classes, in [0, 1];
    * `val/<protocol>/mean_absolute_change`: change of the top class's probability between neighbours, in [0, 1];
    * `val/<protocol>/agreement`: share of the later views with the same answer as the first, in [0, 1];
    * `val/<protocol>/error_consistency`: how far neighbouring views have the same answer beyond chance, at most 1;
      nan where all answers are one;
    * `val/<protocol>/first_view_accuracy`: share of first views that are answered correctly, in [0, 1]; not logged for
      pictures without labels.

    The definitions are those of `lit_invariance.metrics` (Azulay & Weiss, JMLR 20(184), 2019, section 2). The pictures
    are evenly spaced over the validation set, and the views are the same at every epoch. On several processes each
    picture is measured once, so the numbers are those of a single process. During the measurement the module is in
    evaluation mode and in the Trainer's precision; afterwards its modes and all random generators are as before.

    Validation batches are `(pictures, labels, ...)`, mappings with `image` and `label`, or `Batch`. uint8 pictures go
    to the module as uint8; floats are denormalised before the views are made, and the views are normalised again.
    If there are several validation loaders, the first one is used.

    Args:
        protocols: Names of protocols, `{name: {option: value}}`, `Protocol` objects, or a list of them. A protocol's
            `size` is that of the validation pictures, unless it is given as an option.
        images: Maximum number of pictures that are measured, at least 1.
        every_n_epochs: Epochs from one measurement to the next; the first validation is always measured.
        mean: Channel means with which the module's input is normalised, for pictures in [0, 1].
        std: Channel standard deviations with which it is normalised.
        data: Source pictures to make the views from, instead of the validation batches, which are often cropped: a
            folder of class folders, an `InvarianceData`, or a `Dataset` of (PIL image or uint8 tensor `(C, H, W)`,
            label).
        prefix: Prefix of a score's name in the logs; `{protocol}` is replaced by the protocol's name.

    Raises:
        UserError: If a protocol, an option or the data are not valid; in validation also if the pictures are not in
            [0, 1] or the logits are not finite.

    Example:
        >>> callback = InvarianceCallback({"embed_black": {"min_side": 100}}, images=200)
        >>> trainer = pl.Trainer(callbacks=[callback], accelerator="cpu", logger=False, enable_checkpointing=False)
    """

    def __init__(
        self,
        protocols: Spec | Protocol | Sequence[Spec | Protocol],
        images: int = 500,
        every_n_epochs: int = 1,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        data: PictureData | None = None,
        prefix: str = "val/{protocol}/",
    ) -> None:
        for name, value in (("images", images), ("every_n_epochs", every_n_epochs)):
            if not isinstance(value, int) or value < 1:
                raise UserError(f"InvarianceCallback: {name} must be a whole number of at least 1, not {value!r}.")
        self.images, self.every_n_epochs, self.prefix, self.scale = images, every_n_epochs, prefix, Scale(mean, std)
        self.specs = [protocols] if isinstance(protocols, str | dict | Protocol) else [*(protocols or ())]
        if not self.specs:
            raise UserError(f"InvarianceCallback: there is no protocol to measure; known are {', '.join(PROTOCOLS)}.")
        self._tags = [self._tag(spec) for spec in self.specs]
        if len(set(self._tags)) < len(self._tags):
            raise UserError(f"two protocols would log as {self._tags[0]}; give each a callback with another prefix.")
        self.source = None if data is None else SourcePictures(data)
        self._protocols: list[Protocol] = []
        self._takes_bytes, self._labelled = False, True
        self._last: int | None = None
        self._choice: Choice | None = None
        self._mistakes = Mistakes()
        self._metrics: list[dict[str, Metric]] = []

    def _tag(self, spec: Spec | Protocol) -> str:
        if isinstance(spec, Protocol):
            return self.prefix.replace("{protocol}", with_neighbours(spec).name)
        check("protocol", PROTOCOLS, spec, ())
        return self.prefix.replace("{protocol}", parse_spec("protocol", spec)[0])

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget an earlier training."""
        self._last = None

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Choose the pictures."""
        self._choice, self._metrics = None, []
        if trainer.sanity_checking or not self._due(trainer):
            return
        self._last = trainer.current_epoch
        self._metrics = [_empty_metrics(pl_module.device) for _ in self.specs]
        if self.source is None:
            self._choice = choose(trainer, self.images)

    def _due(self, trainer: pl.Trainer) -> bool:
        """Whether to measure; where an epoch has several validations, at all of them or at none."""
        if self._last is None or trainer.state.fn != "fit":
            return True
        return trainer.current_epoch == self._last or trainer.current_epoch - self._last >= self.every_n_epochs

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Measure the chosen pictures of a batch; in the sanity check, see that the batches are understood."""
        if dataloader_idx:
            return
        if trainer.sanity_checking or self._metrics:
            with _isolated(pl_module), self._mistakes.kept(trainer):
                if not batch_idx:
                    self._build_protocols(batch)
                    self._labelled = self._are_labelled(batch)
                if self.source is None:
                    self._measure_batch(trainer, pl_module, unpack(batch))
                elif self._metrics and not batch_idx:
                    self._measure_source(trainer, pl_module)

    def _are_labelled(self, batch: Any) -> bool:
        """Whether the pictures have labels; all processes see some of them, and so find the same."""
        if self.source is not None:
            return bool(getattr(self.source.data, "labelled", True))
        return bool((unpack(batch).labels != UNLABELLED).all())

    def _build_protocols(self, batch: Any) -> None:
        """Build the protocols, for the size of the batch's pictures where none is given."""
        sized = all(isinstance(spec, Protocol) or "size" in parse_spec("protocol", spec)[1] for spec in self.specs)
        given: dict[str, Any] = {"mean": tuple(self.scale.mean)}
        try:
            images = unpack(batch).images
        except UserError:
            if self.source is None or not sized:
                raise
            images = []
        self._takes_bytes = isinstance(images, Tensor) and images.dtype == torch.uint8
        if not sized:
            given["size"] = _size(images)
        self._protocols = [
            spec if isinstance(spec, Protocol) else with_neighbours(build("protocol", PROTOCOLS, spec, **given))
            for spec in self.specs
        ]

    def _measure_batch(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Contents) -> None:
        pictures = batch.images
        if isinstance(pictures, Tensor) and pictures.is_floating_point():
            pictures = self.scale.denormalise(pictures)
        found = {} if self._choice is None else self._choice.rows(len(batch.labels))
        rows = [*found]
        if rows:
            positions = torch.tensor([*found.values()]) if batch.indices is None else batch.indices[rows]
            self._measure(trainer, module, Batch([pictures[row] for row in rows], batch.labels[rows], positions))

    def _measure_source(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Measure all pictures after the first batch: at an epoch's ends other callbacks may exchange the weights."""
        assert self.source is not None
        for batch in self.source.batches(self.images, trainer.world_size, trainer.global_rank):
            images = [image.to(module.device) for image in batch.images]
            self._measure(trainer, module, Batch(images, batch.labels.to(module.device), batch.indices))

    def _measure(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Batch) -> None:
        """Score pictures; all of them count."""
        for protocol, metrics in zip(self._protocols, self._metrics, strict=True):
            together = max(1, VIEWS_AT_ONCE // len(protocol.steps))
            for start in range(0, len(batch.images), together):
                part = slice(start, start + together)
                views = self._views(
                    trainer, protocol, Batch(batch.images[part], batch.labels[part], batch.indices[part])
                )
                logits = answers(trainer, module, self._inputs(views))
                if not logits.isfinite().all():
                    raise not_finite(trainer, f"on the views of {protocol.name}")
                for name, metric in metrics.items():
                    if name == SCORED_BY_LABEL and not self._labelled:
                        continue
                    seen = logits[:, :1] if isinstance(metric, Accuracy) else logits
                    metric.update(seen, batch.labels[part])

    def _views(self, trainer: pl.Trainer, protocol: Protocol, batch: Batch) -> Tensor:
        try:
            return views_of(protocol, batch.images, batch.indices, VIEWS_SEED)
        except ImageTooSmall as error:
            images = self.source.images if self.source is not None else getattr(first_loader(trainer), "dataset", None)
            name = images.name(error.index) if isinstance(images, Positioned) else f"image {error.index}"
            raise UserError(
                f"protocol {protocol.name} cannot show validation {name}: {error.reason} Remove it, or choose another "
                "protocol."
            ) from error

    def _inputs(self, views: Tensor) -> Tensor:
        views = as_channels(views, len(self.scale.mean))
        return (views * 255).round().byte() if self._takes_bytes else self.scale.normalise(views)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the scores, gathered over all processes."""
        self._mistakes.tell(trainer)
        if not self._metrics:
            return
        for tag, metrics in zip(self._tags, self._metrics, strict=True):
            for name, metric in metrics.items():
                if name == SCORED_BY_LABEL and not self._labelled:
                    continue
                pl_module.log(tag + name, metric, metric_attribute=tag + name)


def with_neighbours(protocol: Protocol) -> Protocol:
    """Return the protocol.

    Raises:
        UserError: If it shows one view only, so that nothing can change, needs boxes, or has no neighbours.
    """
    if protocol.against_first:
        raise UserError(
            f"protocol {protocol.name} compares every view with the first one, but training compares neighbours; "
            "choose another, such as embed_black, and measure this one with evaluate.py."
        )
    if protocol.needs_boxes:
        raise UserError(
            f"protocol {protocol.name} needs the boxes of the objects, which are not read in training; choose another, "
            "such as embed_black, and measure this one with evaluate.py."
        )
    if len(protocol.steps) < 2:
        raise UserError(
            f"protocol {protocol.name} shows one view only; choose one with neighbours, such as embed_black."
        )
    return protocol


def _size(images: Tensor | list[Tensor]) -> Size:
    height, width = images[0].shape[-2:]
    if not isinstance(images, Tensor):
        raise UserError(
            f"the validation pictures have several sizes (the first has {width} x {height} pixels); give every "
            "protocol the size of the module's input as its option size."
        )
    return as_size((int(height), int(width)))


def _empty_metrics(device: torch.device) -> dict[str, Metric]:
    metrics: dict[str, Metric] = {
        "top1_change": Top1Change(),
        "mean_absolute_change": MeanAbsoluteChange(),
        "agreement": Agreement(),
        "error_consistency": ErrorConsistency(),
        SCORED_BY_LABEL: Accuracy(),
    }
    for metric in metrics.values():
        metric.to(device)
        # A process that measures none of the pictures takes part in the sum all the same.
        metric.update(torch.empty(0, 2, 1, device=device), torch.empty(0, dtype=torch.int64, device=device))
    return metrics


def _isolated(module: pl.LightningModule) -> AbstractContextManager[None]:
    return isolate_rng(include_cuda=module.device.type == "cuda")
