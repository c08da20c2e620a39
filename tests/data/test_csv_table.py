import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from lit_invariance.data.csv_table import load_csv
from lit_invariance.data.image_folder import load_image_folder
from lit_invariance.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def write(tmp_path):
    """A function that writes a table beside pictures whose red is the number in their name."""

    def table(text: str, pictures: int = 6, name: str = "table.csv") -> str:
        for number in range(pictures):
            path = tmp_path / "in" / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (4, 3), (number, 0, 0)).save(path)
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return table


def read(source) -> list[tuple[int, int]]:
    """The number and the label of each picture."""
    return [(int(source[place][0][0, 0, 0]), source[place][1]) for place in range(len(source))]


def test_names_are_classes_in_alphabetical_order(write):
    splits = load_csv(write("path,label\nin/3.png,bee\nin/1.png,ant\nin/2.png,bee\n"), val_fraction=1.0)
    assert splits.class_names == ["ant", "bee"]
    assert read(splits.val) == [(3, 1), (1, 0), (2, 1)]
    assert splits.val.about.startswith("3 images of 2 classes in ")
    assert splits.labelled


def test_columns_may_come_in_any_order_among_others_with_a_byte_order_mark(write):
    splits = load_csv(write('\ufefflabel, size, path\nant, "3,4", in/5.png\n'), val_fraction=1.0)
    assert read(splits.val) == [(5, 0)]


def test_numbers_are_outputs(write):
    path = write("path,label\nin/0.png,3\nin/1.png,1\n")
    splits = load_csv(path, val_fraction=1.0, outputs=5)
    assert (read(splits.val), len(splits.class_names)) == ([(0, 3), (1, 1)], 5)
    # Nobody says how many there are, and there are gaps: a part of ImageNet, as with class maps.
    assert load_csv(path, val_fraction=1.0).class_names[3] == "tiger shark"
    whole = load_csv(write("path,label\nin/0.png,0\nin/1.png,1\n", name="whole.csv"), val_fraction=1.0)
    assert whole.class_names == ["0", "1"]
    with pytest.raises(UserError, match="the data have the label 3, but the model has 2 outputs"):
        load_csv(path, val_fraction=1.0, outputs=2)


def test_synsets_are_imagenet_s_outputs(write):
    splits = load_csv(write("path,label\nin/0.png,n15075141\nin/1.png,n01440764\n"), val_fraction=1.0)
    assert (read(splits.val), len(splits.class_names)) == ([(0, 999), (1, 0)], 1000)


def test_a_class_map(write):
    splits = load_csv(write("path,label\nin/0.png,carp\n"), val_fraction=1.0, class_map={"carp": 0})
    assert (read(splits.val), splits.class_names) == ([(0, 0)], ["carp"])


def test_parts(write):
    lines = "in/0.png,a,train\nin/1.png,b,train\nin/2.png,a,valid\nin/3.png,b,test\n"
    splits = load_csv(write(f"path,label,split\n{lines}"))
    assert (read(splits.val), read(splits.load_train())) == ([(2, 0)], [(0, 0), (1, 1)])
    splits = load_csv(write(f"path,label,split\n{lines.replace('valid', 'train')}"))
    assert (read(splits.val), len(splits.load_train())) == ([(3, 1)], 3)


def test_a_share_is_drawn_where_there_are_no_parts(write):
    path = write("path,label\n" + "".join(f"in/{number}.png,{'ab'[number % 2]}\n" for number in range(6)))
    splits = load_csv(path, val_fraction=0.34)
    held_out, training = read(splits.val), read(splits.load_train())
    assert sorted(label for _, label in held_out) == [0, 1]
    assert sorted([*held_out, *training]) == [(number, number % 2) for number in range(6)]
    assert read(load_csv(path, val_fraction=0.34, seed=0).val) == held_out


def test_another_table_to_validate_on(write):
    training, other = write("path,label\nin/0.png,a\nin/1.png,b\n"), write("path,label\nin/2.png,b\n", name="val.csv")
    splits = load_csv(training, val_root=other)
    assert (read(splits.val), read(splits.load_train())) == ([(2, 1)], [(0, 0), (1, 1)])


def test_the_same_pictures_as_class_folders(tmp_path):
    """In the order of the folders every picture has the same position, and so the same views."""
    for number, label in enumerate("bab"):
        (tmp_path / label).mkdir(exist_ok=True)
        Image.new("RGB", (4, 3), (number, 0, 0)).save(tmp_path / label / f"{number}.png")
    folders = load_image_folder(str(tmp_path), val_fraction=1.0)
    lines = [f"{Path(path).relative_to(tmp_path)},{Path(path).parent.name}" for path in folders.val.paths]
    (tmp_path / "table.csv").write_text("\n".join(["path,label", *lines]))
    table = load_csv(str(tmp_path / "table.csv"), val_fraction=1.0)
    assert (read(table.val), table.class_names) == (read(folders.val), folders.class_names)
    assert [Path(path) for path in table.val.paths] == [Path(path) for path in folders.val.paths]


def test_boxes_belong_to_the_pictures_by_name(write, tmp_path):
    path = write("path,label\nin/0.png,a\nin/1.png,b\n")
    box = "<annotation><size><width>4</width><height>3</height></size><object><bndbox><xmin>2</xmin><ymin>1</ymin>"
    (tmp_path / "1.xml").write_text(f"{box}<xmax>3</xmax><ymax>2</ymax></bndbox></object></annotation>")
    splits = load_csv(path, val_fraction=1.0, boxes=str(tmp_path))
    assert [splits.val.boxes[0], splits.val.boxes[1]] == [None, (1, 0, 3, 2)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "its first line is '' and lacks path and label"),
        ("in/0.png,0\n", "its first line is 'in/0.png,0' and lacks path and label"),
        ("path;label\nin/0.png;0\n", "its first line is 'path;label' and lacks path and label"),
        ("path,class\nin/0.png,0\n", "its first line is 'path,class' and lacks label"),
        ("path,label\n", "it lists no picture"),
        ("path,label\nin/0.png,a\nin/1.png,\n", "line 3: its label is empty"),
        ("path,label\nin/0.png\n", "line 2: its label is empty"),
        ("path,label\n ,a\n", "line 2: its path is empty"),
        ("path,label\nin/99.png,a\n", "line 2: there is no file .*/in/99.png"),
        ("path,label\nin/0.png,a\nin/0.png,b\n", "line 3: it is the picture of line 2 once more"),
        ("path,label,split\nin/0.png,a,left\n", "line 2: its split is 'left', not train, val or test"),
        ("path,label,split\nin/0.png,a\n", "line 2: its split is '', not train, val or test"),
        ('path,label\n"in/0.png,a\n', "unexpected end of data"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_with_its_line(write, text, said):
    with pytest.raises(UserError, match=f"the table .*table.csv cannot be used.*{said}.*; write the columns") as error:
        load_csv(write(text), val_fraction=1.0)
    assert "\n" not in str(error.value)


def test_other_mistakes(write, tmp_path):
    with pytest.raises(UserError, match="csv needs the table of the pictures; set --data.root FILE.csv"):
        load_csv(None)
    with pytest.raises(UserError, match=r"the table .*absent.csv cannot be read \(No such file or directory\)"):
        load_csv(str(tmp_path / "absent.csv"))
    with pytest.raises(UserError, match=r"the table .* cannot be read \(Is a directory\)"):
        load_csv(str(tmp_path))
    path = write("path,label,split\nin/0.png,a,train\nin/1.png,b,val\n")
    with pytest.raises(UserError, match="the class b is in .*, but not among the pictures to train on"):
        load_csv(path).load_train()
    with pytest.raises(UserError, match="none is left for training; set --data.val_fraction"):
        load_csv(write("path,label,split\nin/0.png,a,val\n")).load_train()
    with pytest.raises(UserError, match="val_fraction is 0; it must be above 0 and at most 1"):
        load_csv(path, val_fraction=0)


def test_the_lines_of_the_docs_write_the_table_of_imagenet_s_validation_pictures(in_folder):
    """The kit numbers its synsets from 1 in another order than the outputs; its groups of synsets come after them."""
    kit = in_folder / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    kind = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O")]
    rows = [(1, "n15075141", "toilet tissue"), (2, "n01440764", "tench"), (1001, "n00000001", "group")]
    savemat(kit / "meta.mat", {"synsets": np.array(rows, dtype=kind)})
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("2\n1\n2\n")
    (in_folder / "val").mkdir()
    for number in (1, 2, 3):
        Image.new("RGB", (4, 3), (number, 0, 0)).save(f"val/ILSVRC2012_val_{number:08d}.JPEG", "PNG")
    block = re.search(r"```python\n((?:(?!```).)*loadmat.*?)```", (ROOT / "docs" / "data.md").read_text(), re.DOTALL)
    exec(block[1], {})
    splits = load_csv("val/labels.csv", val_fraction=1.0)
    assert read(splits.val) == [(1, 0), (2, 999), (3, 0)]
