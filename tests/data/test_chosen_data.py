"""What a run says of its data, and the classes that a checkpoint keeps."""

import logging
from pathlib import Path

import pytest
from PIL import Image
from pytorch_lightning import Trainer

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.synsets import imagenet_classes
from lit_invariance.errors import UserError
from lit_invariance.training.checkpoint import read_checkpoint
from lit_invariance.training.classifier import LitClassifier

SYNSETS = list(imagenet_classes())[5:8]


def fill(root: Path, classes: list[str], count: int = 2) -> Path:
    for name in classes:
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (24, 24), (40 * number, 80, 0)).save(root / name / f"{number}.png")
    return root


def folder_data(root: Path, **options: object) -> InvarianceData:
    settings = {"root": str(root), "image_size": 16, "batch_size": 4, "num_workers": 0}
    return InvarianceData("image_folder", **settings | options)


def fit(data: InvarianceData, folder: Path, ckpt_path: str | None = None, epochs: int = 1) -> Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = Trainer(max_epochs=epochs, default_root_dir=folder, enable_checkpointing=False, **quiet)
    model = LitClassifier("tiny_resnet", num_classes=3, image_size=16, invariance_images=0)
    trainer.fit(model, data, ckpt_path=ckpt_path, weights_only=True)
    return trainer


def test_every_training_says_on_what(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path / "Training", ["ant", "bee", "cat"])
    fill(tmp_path / "Validation", ["ant", "bee", "cat"], count=1)
    (tmp_path / "Training/ant/list.txt").touch()
    with caplog.at_level(logging.INFO, logger="pytorch_lightning.utilities.rank_zero"):
        fit(folder_data(tmp_path), tmp_path)
    said = [line for record in caplog.records for line in record.getMessage().splitlines()]
    training = f"training:    6 images in 3 class folders of {tmp_path / 'Training'}; passed over: 1 with other endings"
    assert said.count(training) == 1
    assert said.count(f"validation:  3 images in 3 class folders of {tmp_path / 'Validation'}") == 1


def test_a_choice_and_drawn_images_are_told() -> None:
    shapes = InvarianceData("shapes", image_size=16, shapes={"train_images": 20, "val_images": 7}, max_images=3)
    assert (
        shapes.describe() == "training:    20 drawn images of 10 shapes\nvalidation:  3 of 7 drawn images of 7 shapes"
    )


def test_a_checkpoint_keeps_its_classes_and_they_are_compared(tmp_path: Path) -> None:
    data = folder_data(fill(tmp_path / "mine", ["ant", "bee", "cat"]), val_fraction=0.5)
    path = tmp_path / "last.ckpt"
    fit(data, tmp_path).save_checkpoint(path)
    assert read_checkpoint(path)["InvarianceData"]["class_names"] == ["ant", "bee", "cat"]
    fit(folder_data(tmp_path / "mine", val_fraction=0.5), tmp_path, str(path), epochs=2)
    other = folder_data(fill(tmp_path / "other", ["ant", "cat", "dog"]), val_fraction=0.5)
    with pytest.raises(UserError, match="output 1 of the checkpoint is 'bee', and of the data 'cat'"):
        fit(other, tmp_path, str(path), epochs=2)


def test_synset_folders_take_the_outputs_of_the_model(tmp_path: Path) -> None:
    data = folder_data(fill(tmp_path, SYNSETS), val_fraction=0.5)
    assert data.num_classes == 1000
    data.check_classes(3)
    assert data.num_classes == 3
    assert {label for _, label in (data.training_images()[n] for n in range(3))} == {0, 1, 2}
    fit(folder_data(tmp_path, val_fraction=0.5), tmp_path)
    with pytest.raises(UserError, match="has 1000 classes but model.num_classes is 7"):
        folder_data(tmp_path).check_classes(7)


def test_a_class_map(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("ant,7\nbee,2\n")
    data = folder_data(fill(tmp_path / "data", ["ant", "bee"]), class_map=str(tmp_path / "map.csv"), val_fraction=1.0)
    assert [data.validation[number][1] for number in range(4)] == [7, 7, 2, 2]
    assert data.num_classes == 1000
    data.check_classes(9)
    assert data.class_names[7] == "ant"
    with pytest.raises(UserError, match="data.class_map applies to image_folder"):
        InvarianceData("CIFAR10", class_map="map.csv")
