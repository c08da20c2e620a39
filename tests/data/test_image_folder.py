from pathlib import Path

import pytest
import torch
from PIL import Image

from lit_invariance.data.class_folders import list_images
from lit_invariance.data.image_folder import load_image_folder
from lit_invariance.data.stratified import stratified_choice
from lit_invariance.data.synsets import imagenet_classes, imagenet_outputs
from lit_invariance.errors import UserError


def fill(root: Path, classes: dict[str, int], name: str = "picture{}.png") -> Path:
    """Write class folders; the red of a picture is its number, the green the first letter of its class."""
    for label, count in classes.items():
        (root / label).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (4, 3), (number, ord(label[0]), 0)).save(root / label / name.format(number))
    return root


def labels(source: object) -> list[int]:
    return [source[index][1] for index in range(len(source))]  # type: ignore[index, arg-type]


def test_classes_are_the_sorted_folder_names(tmp_path: Path) -> None:
    splits = load_image_folder(str(fill(tmp_path, {"zebra": 2, "ant": 3})), val_fraction=1.0)
    assert splits.class_names == ["ant", "zebra"]
    assert labels(splits.val) == [0, 0, 0, 1, 1]
    assert [splits.val[index][0][1, 0, 0].item() for index in (0, 4)] == [ord("a"), ord("z")]


def test_extensions_in_any_case_nested_and_hidden(tmp_path: Path) -> None:
    folder = tmp_path / "ant"
    (folder / "below").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (tmp_path / ".cache").mkdir()
    picture = Image.new("RGB", (2, 2))
    for name in ("a.JPEG", "b.jpg", "c.webp", "d.BMP", "e.tif", "below/f.PNG", ".g.png", ".hidden/h.png"):
        picture.save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    found = [Path(path).name for _, path in list_images(tmp_path).samples]
    assert found == ["a.JPEG", "b.jpg", "f.PNG", "c.webp", "d.BMP", "e.tif"]


def test_synset_folders_map_by_name_to_the_thousand_outputs(tmp_path: Path) -> None:
    # Facts of ILSVRC2012 that any table of its classes confirms.
    splits = load_image_folder(str(fill(tmp_path, {"n15075141": 1, "n01440764": 1, "n01819313": 1})), val_fraction=1.0)
    assert labels(splits.val) == [0, 89, 999]
    assert len(splits.class_names) == 1000
    assert [splits.class_names[output] for output in (0, 89, 999)] == [
        "tench",
        "sulphur-crested cockatoo",
        "toilet tissue",
    ]


def test_one_foreign_folder_makes_the_names_count(tmp_path: Path) -> None:
    splits = load_image_folder(str(fill(tmp_path, {"n15075141": 1, "others": 1})), val_fraction=1.0)
    assert splits.class_names == ["n15075141", "others"]


def test_the_table_of_synsets_is_whole() -> None:
    synsets = list(imagenet_classes())
    assert len(synsets) == 1000
    assert synsets == sorted(synsets)  # ImageNet networks order outputs by synset
    assert imagenet_outputs()[synsets[437]] == 437


def test_split_is_disjoint_whole_seeded_and_even(tmp_path: Path) -> None:
    root = str(fill(tmp_path, {"a": 20, "b": 10, "c": 10}))
    splits = load_image_folder(root, val_fraction=0.2)
    held_out, training = splits.val, splits.load_train()
    assert sorted(labels(held_out)) == [0] * 4 + [1] * 2 + [2] * 2
    assert not set(held_out.paths) & set(training.paths)  # type: ignore[attr-defined]
    assert len(held_out) + len(training) == 40
    assert load_image_folder(root, val_fraction=0.2).val.paths == held_out.paths  # type: ignore[attr-defined]
    assert load_image_folder(root, val_fraction=0.2, seed=1).val.paths != held_out.paths  # type: ignore[attr-defined]


@pytest.mark.parametrize(("classes", "share", "count"), [(100, 0.1, 10), (100, 0.37, 37), (2, 0.01, 1), (2, 0.99, 1)])
def test_choice_is_right_where_every_class_has_one_image(classes: int, share: float, count: int) -> None:
    names = [f"class {index}" for index in range(classes)]
    picks = [stratified_choice(names, share, seed) for seed in range(200)]
    assert {int(pick.sum()) for pick in picks} == {count}
    chance = sum(pick.astype(int) for pick in picks) / 200
    assert abs(chance - count / classes).max() < 0.17  # every image is chosen as often as any other


def test_classes_get_their_part_to_within_one() -> None:
    sizes = {"a": 7, "b": 23, "c": 1, "d": 50}
    names = [name for name, size in sizes.items() for _ in range(size)]
    for seed in range(50):
        chosen = stratified_choice(names, 0.3, seed)
        assert chosen.sum() == 24
        for name, size in sizes.items():
            part = sum(pick for pick, owner in zip(chosen, names, strict=True) if owner == name)
            assert abs(part - 24 / 81 * size) < 1


def test_folders_of_the_two_halves(tmp_path: Path) -> None:
    fill(tmp_path / "train", {"ant": 2, "bee": 3})
    fill(tmp_path / "val", {"bee": 1})
    splits = load_image_folder(str(tmp_path))
    assert splits.class_names == ["ant", "bee"]
    assert labels(splits.val) == [1]
    assert labels(splits.load_train()) == [0, 0, 1, 1, 1]


def test_a_folder_train_alone_is_split(tmp_path: Path) -> None:
    fill(tmp_path / "train", {"ant": 10, "bee": 10})
    splits = load_image_folder(str(tmp_path))
    assert (splits.class_names, len(splits.val)) == (["ant", "bee"], 2)


def test_val_root_wins(tmp_path: Path) -> None:
    fill(tmp_path / "mine", {"ant": 2, "bee": 2})
    fill(tmp_path / "other", {"ant": 1, "bee": 1})
    splits = load_image_folder(str(tmp_path / "mine"), val_root=str(tmp_path / "other"))
    assert (len(splits.val), len(splits.load_train())) == (2, 4)


def test_val_alone_evaluates_but_does_not_train(tmp_path: Path) -> None:
    fill(tmp_path / "val", {"ant": 2})
    splits = load_image_folder(str(tmp_path))
    assert len(splits.val) == 2
    with pytest.raises(UserError, match=r"no data folder .*train"):
        splits.load_train()


def test_nothing_left_to_train_on_is_said(tmp_path: Path) -> None:
    splits = load_image_folder(str(fill(tmp_path, {"ant": 2})), val_fraction=1.0)
    with pytest.raises(UserError, match="none is left for training"):
        splits.load_train()


def test_bad_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"set --data\.root DIR"):
        load_image_folder(None)
    with pytest.raises(UserError, match=r"no data folder .*absent"):
        load_image_folder(str(tmp_path / "absent"))
    (tmp_path / "bare").mkdir()
    with pytest.raises(UserError, match=r"bare holds no class folders"):
        load_image_folder(str(tmp_path / "bare"))
    fill(tmp_path / "half", {"ant": 1, "bee": 0})
    with pytest.raises(UserError, match=r"half.bee holds no image \([^)]+\); fill"):
        load_image_folder(str(tmp_path / "half"))
    for share in (0.0, 1.1):
        with pytest.raises(UserError, match=f"val_fraction is {share}"):
            load_image_folder(str(fill(tmp_path / str(share), {"ant": 2})), val_fraction=share)


def test_a_validation_class_that_training_lacks_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "train", {"ant": 2})
    fill(tmp_path / "val", {"wasp": 1})
    with pytest.raises(UserError, match=r"val.wasp has no counterpart in .*train"):
        load_image_folder(str(tmp_path))


def test_images_keep_their_size(tmp_path: Path) -> None:
    fill(tmp_path, {"ant": 1})
    image, _ = load_image_folder(str(tmp_path), val_fraction=1.0).val[0]
    assert image.shape == (3, 3, 4)
    assert image.dtype == torch.uint8


def test_a_single_image_can_only_validate(tmp_path: Path) -> None:
    fill(tmp_path, {"ant": 1})
    splits = load_image_folder(str(tmp_path))
    assert splits.val.about == f"1 image in 1 class folder of {tmp_path}"
    with pytest.raises(UserError, match="none is left for training; add images, or set --data.val_root"):
        splits.load_train()
