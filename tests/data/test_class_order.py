import json
import os
from pathlib import Path

import pytest

from lit_invariance.data.class_order import check_same_classes, class_order, read_class_map
from lit_invariance.data.synsets import imagenet_classes
from lit_invariance.errors import UserError

SYNSETS = list(imagenet_classes())
NAMES = list(imagenet_classes().values())


def test_a_thousand_numbers_are_imagenets_outputs() -> None:
    """ImageNetV2 names its folders by output; in the alphabet's order 10 would come before 2."""
    outputs, names = class_order({str(number) for number in range(1000)})
    assert outputs == {str(number): number for number in range(1000)}
    assert names == NAMES
    padded, names = class_order({f"{number:03}" for number in range(1000)})
    assert padded["089"] == 89
    assert names == NAMES


def test_other_numbers_stand_in_their_order() -> None:
    assert class_order({"1", "10", "2"}) == ({"1": 0, "2": 1, "10": 2}, ["1", "2", "10"])
    assert class_order({"1", "10", "b2"}).names == ["1", "10", "b2"]


def test_a_thousand_other_names_are_not_imagenets() -> None:
    assert class_order({f"class {number}" for number in range(1000)}).names != NAMES


def test_as_many_synsets_as_outputs() -> None:
    folders = {SYNSETS[7], SYNSETS[500], SYNSETS[2]}
    assert class_order(folders).outputs[SYNSETS[500]] == 500
    assert class_order(folders, wanted=1000).names == NAMES
    outputs, names = class_order(folders, wanted=3)
    assert outputs == {SYNSETS[2]: 0, SYNSETS[7]: 1, SYNSETS[500]: 2}
    assert names == [NAMES[2], NAMES[7], NAMES[500]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.json", json.dumps({"tench": "n01440764", "my cockatoo": 89})),
        ("map.csv", "folder,output\ntench,0\nmy cockatoo,n01819313\n"),
        ("map.csv", 'tench,0\n"my cockatoo",89\n'),
        ("map.txt", "tench n01440764\n\nmy cockatoo 89\n"),
        ("map", "\ufefftench, 0\nmy cockatoo, 89"),
        ("map.txt", "tench,0\nmy cockatoo,89\n"),
    ],
)
def test_class_maps(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    class_map = read_class_map(tmp_path / name)
    assert class_map == {"tench": 0, "my cockatoo": 89}
    assert class_order({"tench"}, class_map=class_map) == (class_map, NAMES)


def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_bytes(b"caf\xe9,0\nbar,1\n")
    outputs, names = class_order({os.fsdecode(b"caf\xe9"), "bar"}, class_map=read_class_map(tmp_path / "map.csv"))
    assert outputs[os.fsdecode(b"caf\xe9")] == 0
    assert names == ["caf\\xe9", "bar"]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("map.csv", "ant,x\nbee,y\n", "'y' is neither an output number"),
        ("map.csv", "ant,0\nbee,-1\n", "'-1' is neither an output number"),
        ("map.csv", "ant,0\nant,1\n", "the folder ant two outputs"),
        ("map.csv", "", "names no folder"),
        ("map.json", "[1]", "no attribute"),
        ("map.json", '{"ant": NaN}', "'nan' is neither an output number"),
        ("map.txt", "ant\n", "'ant' is no folder and output"),
        ("map.csv", "ant,0\nbee,1,2\n", "'bee,1,2' is no folder and output"),
        ("none.txt", None, "No such file"),
    ],
)
def test_a_broken_map_is_one_sentence(tmp_path: Path, name: str, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=rf"the class map .*{reason}.* write a line 'folder,output'"):
        read_class_map(tmp_path / name)


def test_maps_that_do_not_fit() -> None:
    with pytest.raises(UserError, match="does not name the class folder bee; add it"):
        class_order({"ant", "bee"}, class_map={"ant": 0})
    with pytest.raises(UserError, match="names output 7, but the model has 5"):
        class_order({"ant"}, wanted=5, class_map={"ant": 7})


def test_a_map_of_the_users_own_classes() -> None:
    class_map = {"zebra": 0, "ant": 1, "ants": 1, "bee": 2}
    assert class_order({"ant", "zebra"}, class_map=class_map).names == ["zebra", "ant", "bee"]
    assert class_order({"ant"}, wanted=4, class_map=class_map).names == ["zebra", "ant", "bee", "class 3"]


def test_the_classes_of_a_model_and_of_data() -> None:
    check_same_classes("m", ["ant", "bee"], ["ant", "bee"])
    check_same_classes("m", ["ant", "bee"], ["0", "1"])
    with pytest.raises(
        UserError, match="output 1 of model m is 'bee', and of the data 'cat'; .* --data.class_map FILE"
    ):
        check_same_classes("model m", ["ant", "bee"], ["ant", "cat"])
    with pytest.raises(UserError, match="2 classes and the data has 3"):
        check_same_classes("model m", ["ant", "bee"], ["ant", "bee", "cat"])
