"""The LightningDataModule: the same loaders for every data set."""

import os
from collections.abc import Sequence
from copy import copy
from typing import Any

import torch
from pytorch_lightning import LightningDataModule
from pytorch_lightning.utilities import rank_zero_info
from torch.utils.data import DataLoader

from lit_invariance.data.augmentation import TrainingView, least_side
from lit_invariance.data.batch import Positioned, collate
from lit_invariance.data.class_order import check_same_classes
from lit_invariance.data.epochs import EpochLoader, EpochSampler
from lit_invariance.data.held import HeldTrainingSet, augments, whole
from lit_invariance.data.kinds import check_options, find_kind, load_data
from lit_invariance.data.listed_pictures import ListedPictures
from lit_invariance.data.source import Source, Splits
from lit_invariance.data.subset import PartOf, random_positions
from lit_invariance.data.training_set import TrainingSet
from lit_invariance.data.unpadded_sampler import UnpaddedSampler
from lit_invariance.data.workers import WorkerLoader, begin_worker, usual_workers
from lit_invariance.errors import UserError
from lit_invariance.models.image_size import checked_size, plain
from lit_invariance.registry import parse_spec


class InvarianceData(LightningDataModule):
    """Training batches are augmented in the workers; validation and prediction batches hold decoded source images.

    A training batch is `{"image": uint8 (N, 3, S, S), "label": int64 (N,)}`; a validation or prediction batch is a
    `Batch`. A label of -1 means that the class is not known. Validation and prediction use the same images in the same
    order, each exactly once over all processes. The order and augmentation of training depend only on
    `seed_everything`, the epoch and each image's position, not on the number of workers. A training resumed from a
    checkpoint sees what it would have seen without the interruption.

    Args:
        dataset: `shapes` (built in), `image_folder`, `csv` (a table of paths and labels), `unlabelled` (pictures
            without labels), `webdataset` (shards), `hf/<folder or id>` (of Hugging Face's library `datasets`),
            `python:<module or file.py>:<factory>` (a `Dataset` or `LightningDataModule` of your own; this runs the
            code), or a torchvision name: CIFAR10, CIFAR100, STL10, Imagenette, OxfordIIITPet, Flowers102, Food101,
            ImageNet. Options of hf/ and python: are written as `{name: {option: value}}`.
        root: Directory of the data set. For `image_folder`: the directory that holds the class folders, or `train` and
            `val` folders under any of the usual names. For `csv`: the table. For `unlabelled`: a folder, or a text file
            with a path in each line. For `webdataset`: a folder, or a pattern such as `DIR/train-{000000..000012}.tar`.
        val_root: The same with the validation images, if they are elsewhere; not for torchvision's data sets, hf/ and
            python:.
        val_fraction: Share of the images used for validation if the data set has no part for it. With 1, all images are
            validation images, as needed for evaluation. Not for torchvision's data sets.
        download: Download a data set of torchvision or hf/ that is not on the disk, or unpack its archive.
        image_size: Side S of the network's input in pixels, or [H, W].
        batch_size: Training images per batch, in each process.
        val_batch_size: Validation images per batch. Default: `batch_size`.
        num_workers: Processes that decode and augment. Default: one per core beside a GPU, one per two cores without
            one, at most 8; none for `shapes` and the CIFAR sets, whose images are already in memory and augmented a
            batch at a time.
        flip: Mirror training images left to right at random.
        translation: Training translations, such as `{kind: pad, pixels: 4}`. Kinds are `crop`, `pad`, `affine`
            and `any_of`; their options are described in `TrainingView`. Without it, training uses the centre of each
            image, as evaluation does.
        seed: Determines the images of `shapes`, the part held out by `val_fraction` and the choice of `max_images`.
        shapes: `shapes` only: `train_images`, `val_images`, `size`, `bias`, `val_bias`, `size_bias`; see `load_shapes`.
        max_images: Validate on this many images, chosen at random. They keep their indices in the whole data set.
        boxes: `image_folder`, `csv` and `ImageNet` only: folder of the validation images' bounding boxes in Pascal VOC
            XML, `<stem>.xml` or `<class folder>/<stem>.xml`, for `sweep_crop` and `object_scale`.
        class_map: Not for torchvision's data sets: file that says which output belongs to which class folder or label,
            as JSON, CSV or text with lines `folder,output`. An output is a number or an ILSVRC2012 synset.
    """

    def __init__(
        self,
        dataset: str | dict[str, Any] = "shapes",
        root: str | None = None,
        val_root: str | None = None,
        val_fraction: float = 0.1,
        download: bool = False,
        image_size: int | list[int] = 224,
        batch_size: int = 64,
        val_batch_size: int | None = None,
        num_workers: int | None = None,
        flip: bool = True,
        translation: dict[str, Any] | None = None,
        seed: int = 0,
        shapes: dict[str, Any] | None = None,
        max_images: int | None = None,
        boxes: str | None = None,
        class_map: str | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        kind = find_kind(dataset)
        size = checked_size("data", image_size)
        self.hparams["image_size"] = plain(size)
        for name in ("batch_size", "val_batch_size", "max_images"):
            if self.hparams[name] is not None and self.hparams[name] < 1:
                raise UserError(f"data.{name} is {self.hparams[name]}; it must be at least 1.")
        check_options(dataset, self.hparams)
        if num_workers is not None and num_workers < 0:
            raise UserError(f"data.num_workers is {num_workers}; it must not be negative.")
        usual = 0 if kind.in_memory else usual_workers()
        self.workers = usual if num_workers is None else num_workers
        self._outputs: int | None = None
        self._described = False
        self._splits: Splits | None = None
        self._train: Source | None = None
        self._training_seed: int | None = None
        if translation is not None:  # nothing else can be wrong, and albumentations takes a second to import
            TrainingView(size, flip, translation)  # reports a wrong option before anything is read or drawn

    def prepare_data(self) -> None:
        """Download the data set if `download` is set."""
        if self.hparams["download"]:
            self._load(download=True).load_train()

    def setup(self, stage: str) -> None:
        """Open the data set and compare it with the model.

        Args:
            stage: `fit`, `validate`, `test` or `predict`; training images are opened for `fit` only.

        Raises:
            UserError: If the data set cannot be read, or its number of classes differs from the model's.
        """
        model = None if self.trainer is None else self.trainer.lightning_module
        self.check_classes(getattr(model, "num_classes", None))
        if stage == "fit":
            self.training_images()  # reports missing training images before the training begins
        if stage == "fit" and not self._described:
            rank_zero_info(self.describe())
            self._described = True

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the class of each output, and the seed of order and augmentation."""
        return {"class_names": self.class_names, "seed": self.training_seed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Compare the classes of a checkpoint to resume from with those of the data, and restore its seed.

        Args:
            state_dict: What `state_dict` returned.

        Raises:
            UserError: If they differ.
        """
        if self.hparams["class_map"] is None:
            check_same_classes("the checkpoint", state_dict["class_names"], self.class_names)
        self._training_seed = state_dict["seed"]

    def describe(self) -> str:
        """Say which images are trained and validated on, how many, and from where."""
        chosen, validation = len(self.validation_images()), self.validation
        part = "" if chosen == len(validation) else f"{chosen} of "
        return f"training:    {self.training_images().about}\nvalidation:  {part}{validation.about}"

    @property
    def class_names(self) -> list[str]:
        """One name for each output of the network."""
        return self._opened().class_names

    @property
    def validation(self) -> Source:
        """All validation images, before `max_images` chooses some of them."""
        return self._opened().val

    def training_images(self) -> Source:
        """Return all images to train on, as they are before any augmentation.

        Raises:
            UserError: If there are none.
        """
        if self._train is None:
            self._train = self._opened().load_train()
        return self._train

    def training_on(self, positions: Sequence[int]) -> "InvarianceData":
        """Return a data module of the same settings that trains on some of the training images only.

        Args:
            positions: Positions in `training_images`.
        """
        other, part = copy(self), PartOf(self.training_images(), positions)
        other._train = part
        return other

    @property
    def num_classes(self) -> int:
        """The number of outputs K that labels refer to."""
        if not self.class_names:
            raise UserError(
                f"data {self._name} do not say how many classes there are; set --model.num_classes to the number "
                "of the model's outputs."
            )
        return len(self.class_names)

    @property
    def labelled(self) -> bool:
        """Whether the classes of the images are known."""
        return self._opened().labelled

    @property
    def training_seed(self) -> int:
        """The seed of order and augmentation: that of `seed_everything`, or of the resumed training."""
        if self._training_seed is None:
            self._training_seed = int(os.environ.get("PL_GLOBAL_SEED", 0))  # set by Lightning's seed_everything
        return self._training_seed

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the loader of augmented training batches, which are divided among the processes."""
        options, seed = self.hparams, self.training_seed
        source, shown = self.training_images(), (options["image_size"], options["flip"], options["translation"], seed)
        if isinstance(source, ListedPictures):
            source = source.reduced(least_side(options["image_size"], options["translation"]))
        if augments(source, options["image_size"], options["translation"]):
            training: HeldTrainingSet | TrainingSet = HeldTrainingSet(source, *shown)
        else:
            training = TrainingSet(source, TrainingView(*shown))
        batch_size = options["batch_size"]
        runs = getattr(training.source, "runs", None)
        sampler = EpochSampler(training, seed, batch_size, *self._processes(), self._batches_done, runs)
        # Batch normalisation fails on a last batch of one image, and a small one would disturb its statistics.
        drop_last = len(sampler) >= batch_size
        gather = {"collate_fn": whole} if isinstance(training, HeldTrainingSet) else {}
        loading = gather | self._serving()
        return EpochLoader(training, batch_size=batch_size, sampler=sampler, drop_last=drop_last, **loading)

    def _batches_done(self) -> int:
        return 0 if self.trainer is None else self.trainer.fit_loop.batch_idx + 1

    def _processes(self) -> tuple[int, int]:
        """Return the number of processes and the rank of this one."""
        return (1, 0) if self.trainer is None else (self.trainer.world_size, self.trainer.global_rank)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the loader of validation batches, each image exactly once over all processes."""
        options = self.hparams
        images = self.validation_images()
        world, rank = self._processes()
        if 0 < len(images) < world:
            raise UserError(
                f"there are fewer validation images ({len(images)}) than processes ({world}); set --trainer.devices "
                f"{len(images)}, or use more images."
            )
        sampler = UnpaddedSampler(images, world, rank)
        batch_size = options["val_batch_size"] or options["batch_size"]
        return WorkerLoader(images, batch_size=batch_size, sampler=sampler, collate_fn=collate, **self._serving())

    def validation_images(self) -> Positioned:
        """Return the images to validate and evaluate on; each is decoded when it is read."""
        source, options = self._opened().val, self.hparams
        return Positioned(source, random_positions(len(source), options["max_images"], options["seed"]))

    def predict_dataloader(self) -> DataLoader[Any]:
        """Return the same batches as `val_dataloader`."""
        return self.val_dataloader()

    def _serving(self) -> dict[str, Any]:
        return {
            "num_workers": self.workers,
            "pin_memory": torch.cuda.is_available(),
            "persistent_workers": self.workers > 0,
            "worker_init_fn": begin_worker,
        }

    @property
    def _name(self) -> str:
        return parse_spec("data set", self.hparams["dataset"])[0]

    def _opened(self) -> Splits:
        if self._splits is None:
            self._splits = self._load(download=False)
        return self._splits

    def _load(self, download: bool) -> Splits:
        given = {**self.hparams, "download": download, "outputs": self._outputs}
        return load_data(self.hparams["dataset"], given)

    def check_classes(self, outputs: int | None) -> None:
        """Open the data set and compare its number of classes with the number of a model's outputs, if that is known.

        Class folders named by synsets count as so many classes as there are folders if the model has that many outputs.

        Raises:
            UserError: If the data set cannot be read, or the two differ.
        """
        if outputs is not None and outputs != self._outputs:
            self._outputs = outputs
            if self._splits is not None and len(self._splits.class_names) != outputs:
                self._splits = self._train = None
        classes = self.num_classes
        if outputs is not None and outputs != classes:
            raise UserError(
                f"data {self._name} has {classes} classes but model.num_classes is {outputs}; "
                f"set --model.num_classes {classes}."
            )
