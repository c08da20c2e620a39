from pathlib import Path

import pytest
from PIL import Image

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.source import UNLABELLED
from lit_invariance.data.unlabelled import load_unlabelled
from lit_invariance.errors import UserError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number, name in enumerate(("b.png", "a.png", "trip/c.png", "trip/train/d.png")):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 3), (number, 0, 0)).save(path)
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    return tmp_path / "photos"


def reds(source) -> list[int]:
    assert {source[place][1] for place in range(len(source))} == {UNLABELLED}
    return [int(source[place][0][0, 0, 0]) for place in range(len(source))]


def test_a_folder_in_the_order_of_its_paths(photos):
    splits = load_unlabelled(str(photos), val_fraction=1.0)
    assert reds(splits.val) == [1, 0, 2, 3]
    assert splits.val.about == f"4 images without labels in {photos}; passed over: 1 with other endings"
    assert not splits.labelled


def test_a_list_in_its_order(photos):
    (photos.parent / "list.txt").write_text(f"photos/b.png\n\nphotos/trip/c.png\r\n{photos}/a.png\n")
    assert reds(load_unlabelled(str(photos.parent / "list.txt"), val_fraction=1.0).val) == [0, 2, 1]


def test_a_share_or_another_folder_validates(photos):
    splits = load_unlabelled(str(photos), val_fraction=0.5)
    assert sorted(reds(splits.val) + reds(splits.load_train())) == [0, 1, 2, 3]
    splits = load_unlabelled(str(photos), val_root=str(photos / "trip"))
    assert (reds(splits.val), len(splits.load_train())) == ([2, 3], 4)


def test_the_classes_are_those_of_the_model(photos):
    data = InvarianceData("unlabelled", root=str(photos), val_fraction=1.0, num_workers=0)
    assert not data.labelled
    with pytest.raises(UserError, match="data unlabelled do not say how many classes there are; set --model.num_cl"):
        _ = data.num_classes
    data.check_classes(3)
    assert (data.num_classes, data.class_names) == (3, ["0", "1", "2"])
    data.check_classes(1000)
    assert data.class_names[0] == "tench"
    (batch,) = data.val_dataloader()
    assert batch.labels.tolist() == [UNLABELLED] * 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("photos/b.png\nphotos/e.png\n", "line 2 of the list .*list.txt names .*photos/e.png, which is no file"),
        ("photos/b.png\nphotos/b.png\n", "line 2 of the list .*list.txt names the picture of line 1 once more"),
        ("path,label\nphotos/b.png,1\n", "line 1 of the list .* names .*path,label, which is no file; write the path"),
        ("\n", "the list .*list.txt is empty"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_with_its_line(photos, text, said):
    (photos.parent / "list.txt").write_text(text)
    with pytest.raises(UserError, match=said):
        load_unlabelled(str(photos.parent / "list.txt"))


def test_other_mistakes(photos, tmp_path):
    with pytest.raises(UserError, match="unlabelled needs a folder of pictures, or a list of them; set --data.root"):
        load_unlabelled(None)
    with pytest.raises(UserError, match="there is no folder or list of pictures .*absent; check --data.root"):
        load_unlabelled(str(tmp_path / "absent"))
    (tmp_path / "bare").mkdir()
    with pytest.raises(UserError, match=r"bare holds no image \(.*.png.*\)"):
        load_unlabelled(str(tmp_path / "bare"))
    with pytest.raises(UserError, match="data.class_map applies to image_folder, csv, webdataset, not to unlabelled"):
        InvarianceData("unlabelled", root=str(photos), class_map="map.csv")
