import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor, nn

from lit_invariance.data.batch import Batch
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.kinds import KINDS, Kind
from lit_invariance.data.rendered_shapes import load_shapes
from lit_invariance.data.synsets import imagenet_classes
from lit_invariance.errors import UserError, sentence

FEW = {"train_images": 20, "val_images": 14}


def shapes(**changes: Any) -> InvarianceData:
    options: dict[str, Any] = {"image_size": 32, "batch_size": 4, "shapes": FEW}
    return InvarianceData("shapes", **{**options, **changes})


class Witness(LightningModule):
    """A network of one number that remembers what it was shown."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.num_classes, self.scale = num_classes, nn.Parameter(torch.zeros(()))
        self.trained: list[dict[str, Tensor]] = []
        self.validated: list[int] = []

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        self.trained.append(batch)
        return self.scale * batch["image"].float().mean()

    def validation_step(self, batch: Batch) -> None:
        assert isinstance(batch, Batch)
        self.validated += batch.indices.tolist()

    def predict_step(self, batch: Batch) -> Tensor:
        return torch.stack([batch.indices, batch.labels], dim=1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    return Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=tmp_path, num_sanity_val_steps=0, enable_checkpointing=False,
    )  # fmt: skip


def test_trains_and_validates_under_lightning(trainer: Trainer) -> None:
    model = Witness()
    trainer.fit(model, shapes())
    assert len(model.trained) == 5
    assert all(batch["image"].shape == (4, 3, 32, 32) for batch in model.trained)
    assert {batch["image"].dtype for batch in model.trained} == {torch.uint8}
    labels = torch.cat([batch["label"] for batch in model.trained])
    assert labels.dtype == torch.int64
    assert sorted(labels.tolist()) == sorted(list(range(10)) * 2)
    assert labels.tolist() != list(range(10)) * 2  # shuffled
    assert model.validated == list(range(14))


def test_predicts_what_it_validates(trainer: Trainer) -> None:
    rows = torch.cat(trainer.predict(Witness(), shapes()))
    assert rows[:, 0].tolist() == list(range(14))
    assert rows[:, 1].tolist() == [index % 10 for index in range(14)]


def one_of_three(monkeypatch: pytest.MonkeyPatch, rank: int, data: InvarianceData) -> InvarianceData:
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    monkeypatch.setenv("LOCAL_RANK", str(rank))
    data.trainer = Trainer(accelerator="cpu", devices=3, strategy="ddp", logger=False, enable_checkpointing=False)
    assert (data.trainer.world_size, data.trainer.global_rank) == (3, rank)
    return data


def test_a_process_without_validation_images_is_told_how_to_have_some(monkeypatch: pytest.MonkeyPatch) -> None:
    data = one_of_three(monkeypatch, 0, shapes(shapes={"train_images": 20, "val_images": 2}))
    with pytest.raises(UserError, match=r"fewer validation images \(2\) than processes \(3\); set --trainer.devices 2"):
        data.val_dataloader()


def test_processes_share_training_images_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """21 images make seven for each of three processes, and so one batch of four: small ones are dropped."""
    seen, few = [], {"train_images": 21, "val_images": 3}
    for rank in range(3):
        batches = list(one_of_three(monkeypatch, rank, shapes(shapes=few)).train_dataloader())
        assert [len(batch["label"]) for batch in batches] == [4]
        seen.append(tuple(batches[0]["image"].flatten().tolist()))
    assert len(set(seen)) == 3
    only = one_of_three(monkeypatch, 2, shapes(shapes=few, batch_size=8))
    assert [len(batch["label"]) for batch in only.train_dataloader()] == [7]


def test_processes_share_validation_out_without_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for rank in range(3):
        data = one_of_three(monkeypatch, rank, shapes())
        seen += [index for batch in data.val_dataloader() for index in batch.indices.tolist()]
    assert sorted(seen) == list(range(14))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_validation_does_not_depend_on_batches_and_workers(workers: int, batch_size: int) -> None:
    plain = [image for batch in shapes().val_dataloader() for image in batch.images]
    other = shapes(num_workers=workers, val_batch_size=batch_size)
    images = [image for batch in other.val_dataloader() for image in batch.images]
    assert all((image == twin).all() for image, twin in zip(plain, images, strict=True))


def test_max_images_is_a_seeded_choice_that_keeps_positions() -> None:
    def positions(**changes: Any) -> list[int]:
        return [i for batch in shapes(**changes).val_dataloader() for i in batch.indices.tolist()]

    chosen = positions(max_images=5)
    assert len(set(chosen)) == 5
    assert chosen == sorted(chosen) != list(range(5))
    assert positions(max_images=5) == chosen
    assert positions(max_images=5, seed=1) != chosen
    assert positions(max_images=99) == list(range(14))
    labels = torch.cat([batch.labels for batch in shapes(max_images=5).val_dataloader()])
    assert labels.tolist() == [index % 10 for index in chosen]


def test_evaluation_draws_no_training_images(monkeypatch: pytest.MonkeyPatch) -> None:
    data = shapes(shapes={"train_images": 10**9, "val_images": 3})
    data.setup("predict")
    assert len(data.predict_dataloader()) == 1


def test_evaluation_does_without_albumentations(monkeypatch: pytest.MonkeyPatch) -> None:
    def imported() -> None:
        raise AssertionError("albumentations takes a second to import")

    monkeypatch.setattr("lit_invariance.data.augmentation._albumentations", imported)
    assert sum(len(batch.images) for batch in shapes().val_dataloader()) == 14
    with pytest.raises(AssertionError, match="takes a second"):
        shapes(translation={"kind": "pad"})


def test_classes_that_disagree_with_the_model(trainer: Trainer) -> None:
    with pytest.raises(UserError, match=r"data shapes has 10 classes but model.num_classes is 1000; set --model\.num"):
        trainer.fit(Witness(num_classes=1000), shapes())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dataset": "shape"}, "unknown data set 'shape'; did you mean shapes"),
        ({"dataset": "cifar10"}, "unknown data set 'cifar10'.*CIFAR10"),
        ({"translation": {"kind": "jump"}}, "unknown translation 'jump'"),
        ({"batch_size": 0}, "data.batch_size is 0"),
        ({"max_images": 0}, "data.max_images is 0"),
        ({"num_workers": -1}, "data.num_workers is -1"),
    ],
)
def test_wrong_settings_are_told_before_anything_is_read(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        InvarianceData(**options)


def test_wrong_shapes_options() -> None:
    with pytest.raises(UserError, match="biass"):
        shapes(shapes={"biass": 1}).setup("predict")


def test_a_broken_image_in_a_worker_is_one_clean_sentence(tmp_path: Path) -> None:
    (tmp_path / "ant").mkdir()
    for name in ("a.png", "c.png"):
        Image.new("RGB", (40, 40)).save(tmp_path / "ant" / name)
    (tmp_path / "ant" / "b.jpg").write_text("text")
    data = InvarianceData(
        "image_folder", root=str(tmp_path), val_fraction=1.0, image_size=32, batch_size=2, num_workers=1
    )
    with pytest.raises(UserError) as caught:
        list(data.val_dataloader())
    broken = tmp_path / "ant" / "b.jpg"
    said = f"cannot read the image {broken} (it is no picture in a known format); replace or remove the file."
    assert sentence(caught.value) == said


def test_settings_are_plain_and_travel_in_a_checkpoint(tmp_path: Path) -> None:
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=tmp_path, enable_checkpointing=False,
    )  # fmt: skip
    data = shapes(translation={"kind": "pad", "pixels": 2})
    trainer.fit(Witness(), data)
    trainer.save_checkpoint(tmp_path / "some.ckpt")
    stored = torch.load(tmp_path / "some.ckpt", weights_only=True)["datamodule_hyper_parameters"]
    assert json.loads(json.dumps(dict(data.hparams))) == {k: v for k, v in stored.items() if not k.startswith("_")}


def test_download_is_asked_for_in_prepare_data_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fake(root: str | None, download: bool) -> Any:
        asked.append(download)
        return load_shapes(32, **FEW)

    monkeypatch.setitem(KINDS, "CIFAR10", Kind(fake, ("root", "download")))
    data = InvarianceData("CIFAR10", root=str(tmp_path), image_size=32, download=True)
    data.prepare_data()
    data.setup("fit")
    assert asked == [True, False]
    asked.clear()
    InvarianceData("CIFAR10", root=str(tmp_path), image_size=32).prepare_data()
    assert asked == []


def test_real_photographs(shared_data: Path) -> None:
    root = str(shared_data / "imagenet_val")
    data = InvarianceData("image_folder", root=root, val_fraction=1.0, max_images=40, batch_size=16, num_workers=1)
    batches = list(data.val_dataloader())
    assert data.num_classes == 1000
    assert [len(batch.images) for batch in batches] == [16, 16, 8]
    assert {tuple(image.shape) for batch in batches for image in batch.images} == {(3, 227, 227)}
    names = list(imagenet_classes())
    paths = data._opened().val.paths  # type: ignore[attr-defined]
    for batch in batches:
        for index, label in zip(batch.indices.tolist(), batch.labels.tolist(), strict=True):
            assert Path(paths[index]).parent.name == names[label]


def test_only_training_reads_large_jpeg_files_at_a_fraction(tmp_path):
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        for name in "abc":
            Image.new("RGB", (1200, 1000), (40 * number, 90, 30)).save(tmp_path / str(number) / f"{name}.jpg")
    data = InvarianceData(
        "image_folder", root=str(tmp_path), val_fraction=0.34, image_size=32, batch_size=2, num_workers=0
    )
    image, _ = data.train_dataloader().dataset.source[0]
    assert image.shape == (3, 125, 150)  # an eighth, for a view needs 37 pixels and twice as many are to remain
    assert data.training_images()[0][0].shape == data.validation_images()[0][0].shape == (3, 1000, 1200)


def test_it_can_train_on_a_part_of_the_training_images_only() -> None:
    whole = InvarianceData("shapes", image_size=16, shapes={"train_images": 9, "val_images": 4}, num_workers=0)
    part = whole.training_on([7, 2])
    images = part.training_images()
    assert len(images) == 2
    for number, position in enumerate((7, 2)):
        (image, label), (expected, answer) = images[number], whole.training_images()[position]
        assert torch.equal(image, expected)
        assert label == answer
    assert len(part.validation) == 4
    assert len(whole.training_images()) == 9
