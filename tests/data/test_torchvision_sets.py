import inspect
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import Food101

from lit_invariance.data.torchvision_sets import TORCHVISION_SETS
from lit_invariance.errors import UserError


def test_cifar10_in_its_official_format(tmp_path: Path, write_cifar10: Any) -> None:
    pixels = write_cifar10(tmp_path)
    splits = TORCHVISION_SETS["CIFAR10"](str(tmp_path), False)
    train = splits.load_train()
    assert splits.class_names == list("abcdefghij")
    assert (len(train), len(splits.val)) == (20, 4)
    assert (splits.val[0][0].numpy() == pixels[5, 0]).all()
    assert splits.val[0][1] == 5
    assert (train[6][0].numpy() == pixels[1, 2]).all()
    assert train[6][0].dtype == torch.uint8


def test_damaged_cifar10_is_not_taken(tmp_path: Path, write_cifar10: Any) -> None:
    write_cifar10(tmp_path)
    with (tmp_path / "cifar-10-batches-py" / "test_batch").open("ab") as file:
        file.write(b"more")
    with pytest.raises(UserError, match="CIFAR10 is not in"):
        TORCHVISION_SETS["CIFAR10"](str(tmp_path), False)


def test_real_cifar10(shared_data: Path) -> None:
    root = shared_data / "cifar10"
    if not (root / "cifar-10-batches-py").is_dir():
        pytest.skip(f"{root} is not rebuilt (minutes): rebuild_cifar10.py {root / 'cifar-10-batches-py'}")
    splits = TORCHVISION_SETS["CIFAR10"](str(root), False)
    labels = [splits.val[index][1] for index in range(len(splits.val))]
    assert np.bincount(labels).tolist() == [1000] * 10
    assert labels[:4] == [3, 8, 8, 0]  # cat, ship, ship, airplane: the first test images as published


def test_pets(tmp_path: Path) -> None:
    folder = tmp_path / "oxford-iiit-pet"
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    for split, number in (("trainval", 1), ("test", 2)):
        lines = [f"{kind}_{number} {label} 1 1" for label, kind in enumerate(("great_dane", "pug"), 1)]
        (folder / "annotations" / f"{split}.txt").write_text("\n".join(lines))
        for kind in ("great_dane", "pug"):
            Image.new("RGB", (5, 4), (10 * number, 0, 0)).save(folder / "images" / f"{kind}_{number}.jpg", quality=100)
    splits = TORCHVISION_SETS["OxfordIIITPet"](str(tmp_path), False)
    assert splits.class_names == ["Great Dane", "Pug"]
    assert [splits.val[index][1] for index in range(2)] == [0, 1]
    assert splits.val[0][0][0, 0, 0].item() == pytest.approx(20, abs=2)
    assert splits.load_train()[0][0][0, 0, 0].item() == pytest.approx(10, abs=2)


def test_food_and_its_broken_image(tmp_path: Path) -> None:
    folder = tmp_path / "food-101"
    (folder / "images" / "pie").mkdir(parents=True)
    (folder / "meta").mkdir()
    for split in ("train", "test"):
        (folder / "meta" / f"{split}.json").write_text(json.dumps({"pie": ["pie/1", "pie/2"]}))
    Image.new("RGB", (5, 4)).save(folder / "images" / "pie" / "1.jpg")
    (folder / "images" / "pie" / "2.jpg").write_text("no picture")
    splits = TORCHVISION_SETS["Food101"](str(tmp_path), False)
    assert splits.val[0][0].shape == (3, 4, 5)
    # Torchvision before 0.22 opens the files itself, so that the place in the set is all there is to tell.
    named = r"pie/2\.jpg" if "loader" in inspect.signature(Food101).parameters else "1 of Food101 in"
    with pytest.raises(UserError, match=rf"{named} .*no picture"):
        splits.val[1]


def write_synsets(root: Path) -> None:
    for split in ("train", "val"):
        for number, synset in enumerate(("n01440764", "n03888257")):
            (root / split / synset).mkdir(parents=True)
            Image.new("RGB", (5, 4), (number, 0, 0)).save(root / split / synset / "a.JPEG")


@pytest.mark.parametrize(("name", "folder"), [("Imagenette", "imagenette2-160"), ("ImageNet", ".")])
def test_synset_folders_keep_the_thousand_outputs(tmp_path: Path, name: str, folder: str) -> None:
    write_synsets(tmp_path / folder)
    splits = TORCHVISION_SETS[name](str(tmp_path), False)
    assert len(splits.class_names) == 1000
    assert [splits.val[index][1] for index in range(2)] == [0, 701]
    assert [splits.load_train()[index][1] for index in range(2)] == [0, 701]
    assert splits.class_names[701] == "parachute"


def test_imagenet_evaluates_without_training_images(tmp_path: Path) -> None:
    write_synsets(tmp_path)
    (tmp_path / "train").rename(tmp_path / "elsewhere")
    splits = TORCHVISION_SETS["ImageNet"](str(tmp_path), False)
    assert len(splits.val) == 2
    with pytest.raises(UserError, match="no data folder"):
        splits.load_train()


@pytest.mark.parametrize("name", TORCHVISION_SETS)
def test_missing_files_are_named_with_their_place(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"{name} is not in .*; put .* there") as caught:
        TORCHVISION_SETS[name](str(tmp_path), False)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=f"{name} needs the folder of its files; set --data.root DIR"):
        TORCHVISION_SETS[name](None, False)


@pytest.mark.parametrize("name", [name for name in TORCHVISION_SETS if name != "ImageNet"])
def test_without_a_network_a_fetch_says_what_to_put_where(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    with pytest.raises(UserError, match=f"{name} could not be fetched .*no network.*put .* by hand"):
        TORCHVISION_SETS[name](str(tmp_path), True)
