from pathlib import Path

import pytest
from PIL import Image

from lit_invariance.data.image_folder import find_folders, load_image_folder
from lit_invariance.data.parts import role_of
from lit_invariance.errors import UserError


def fill(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(parents=True)
        Image.new("RGB", (3, 2)).save(folder / "1.png")


def data_set(root: Path, *parts: str) -> str:
    fill(*(root / part / name for part in parts for name in ("ant", "bee")))
    return str(root)


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (
            "train",
            "train Train TRAIN training Training training_set training-set trainset TrainImages train2017 seg_train",
        ),
        ("val", "val Val valid VALID validation Validation validation_set valset val2017 dev ILSVRC2012_img_val"),
        ("test", "test Test testing Testing test_set test-set testset TestImages seg_test test1"),
        (
            None,
            "trainer trains ant contest valley validator train_station test_tube training_dog_val best devil 0 n0144",
        ),
    ],
)
def test_spellings(role: str | None, names: str) -> None:
    assert {name: role_of(name) for name in names.split()} == dict.fromkeys(names.split(), role)


@pytest.mark.parametrize(
    ("parts", "train", "val"),
    [
        (["train", "test"], "train", "test"),
        (["train", "valid", "test"], "train", "valid"),
        (["training_set", "test_set"], "training_set", "test_set"),
        (["Training", "Validation"], "Training", "Validation"),
        (["TRAIN", "VAL", "other"], "TRAIN", "VAL"),
        (["seg_train", "seg_test", "seg_pred"], "seg_train", "seg_test"),
    ],
)
def test_parts_are_never_classes(tmp_path: Path, parts: list[str], train: str, val: str) -> None:
    splits = load_image_folder(data_set(tmp_path, *parts))
    assert splits.class_names == ["ant", "bee"]
    assert splits.load_train().about == f"2 images in 2 class folders of {tmp_path / train}"
    assert splits.val.about.startswith(f"2 images in 2 class folders of {tmp_path / val}")
    assert ("not used: test" in splits.val.about) == (parts[-1] == "test" != val)


def test_flat_validation_pictures_are_refused(tmp_path: Path) -> None:
    data_set(tmp_path, "train")
    fill(tmp_path / "val")
    with pytest.raises(UserError, match=r"val holds no class folders, so the classes .* unknown"):
        load_image_folder(str(tmp_path))
    fill(tmp_path / "other/ant")
    assert len(load_image_folder(str(tmp_path), val_root=str(tmp_path / "other")).val) == 1


def test_flat_test_pictures_are_not_used_and_that_is_said(tmp_path: Path) -> None:
    data_set(tmp_path, "train")
    fill(tmp_path / "test")
    splits = load_image_folder(str(tmp_path), val_fraction=0.5)
    assert splits.class_names == ["ant", "bee"]
    assert "drawn at random (50%) (not used: test, which holds no class folders)" in splits.val.about
    assert (len(splits.val), len(splits.load_train())) == (1, 1)


def test_a_class_of_vehicles_may_be_called_train(tmp_path: Path) -> None:
    fill(*(tmp_path / name for name in ("bus", "car", "train")))
    assert load_image_folder(str(tmp_path), val_fraction=1.0).class_names == ["bus", "car", "train"]


def test_two_folders_of_one_role_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds val and valid, and it is not clear which .* --data.val_root"):
        load_image_folder(data_set(tmp_path, "train", "val", "valid"))
    assert find_folders(tmp_path, tmp_path / "val").validation == tmp_path / "val"


def test_parts_below_what_was_named_are_refused(tmp_path: Path) -> None:
    data_set(tmp_path / "mine", "train", "val")
    with pytest.raises(UserError, match=rf"{tmp_path / 'mine'} holds train, val, which are parts"):
        load_image_folder(str(tmp_path))
    data_set(tmp_path / "ours", "train")
    with pytest.raises(UserError, match=r"mine holds train, val, which are parts .* --data.val_root"):
        load_image_folder(str(tmp_path / "ours"), val_root=str(tmp_path / "mine"))


def test_a_part_to_train_on_alone_is_split(tmp_path: Path) -> None:
    splits = load_image_folder(data_set(tmp_path, "Training_Set"), val_fraction=0.5)
    assert (splits.class_names, len(splits.val), len(splits.load_train())) == (["ant", "bee"], 1, 1)
