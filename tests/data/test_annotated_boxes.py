import json

import pytest

from lit_invariance.data.annotated_boxes import AnnotatedBox, read_annotated_boxes
from lit_invariance.errors import UserError

COCO = {
    "images": [{"id": 7, "width": 100, "height": 80, "file_name": "a.jpg"}],
    "categories": [{"id": 3, "name": "dog"}],
    "annotations": [
        {"image_id": 7, "category_id": 3, "bbox": [10, 20.5, 30, 40], "iscrowd": 0},
        {"image_id": 7, "category_id": 3, "bbox": [0, 0, 100, 80], "iscrowd": 1},
    ],
}


def test_coco(tmp_path):
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(COCO))
    assert read_annotated_boxes(path) == [AnnotatedBox("7", "dog", 100, 80, (10, 20.5, 40, 60.5))]


def test_csv(tmp_path):
    path = tmp_path / "boxes.CSV"
    path.write_text("class,filename,width,height,xmin,ymin,xmax,ymax,note\ncat,a.jpg,100,80,1,2,3.5,4,x\n")
    assert read_annotated_boxes(path) == [AnnotatedBox("a.jpg", "cat", 100, 80, (1, 2, 3.5, 4))]


VOC = """<annotation><size><width>100</width><height>80</height></size>{}</annotation>"""
DOG = """<object><name>n02084071</name><bndbox><xmin>1</xmin><ymin>3</ymin><xmax>1</xmax><ymax>80</ymax></bndbox>
</object>"""


def test_voc(tmp_path):
    (tmp_path / "n02084071").mkdir()
    (tmp_path / "n02084071" / "b.xml").write_text(VOC.format(DOG + DOG))
    (tmp_path / "a.xml").write_text(VOC.format(""))
    expected = AnnotatedBox("n02084071/b", "n02084071", 100, 80, (0, 2, 1, 80))
    assert read_annotated_boxes(tmp_path) == [expected, expected]
    (tmp_path / "c.xml").write_text(VOC.format(DOG.replace("<xmin>1</xmin>", "")))
    with pytest.raises(UserError, match=r"c.xml: it lacks a number\); fix the file"):
        read_annotated_boxes(tmp_path)
    (tmp_path / "c.xml").write_text("<annotation>")
    with pytest.raises(UserError, match=r"c.xml: no element found"):
        read_annotated_boxes(tmp_path)


def test_folder_without_boxes(tmp_path):
    with pytest.raises(UserError, match=r"the folder holds no .xml file"):
        read_annotated_boxes(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("boxes.txt", "", "have no known format; give a folder, or a file that ends in .json or .csv"),
        ("boxes.json", None, "No such file"),
        ("boxes.json", "{", "cannot be read .* fix the file"),
        ("boxes.json", "[]", "cannot be read"),
        ("boxes.json", '{"images": []}', "'categories' is missing"),
        ("boxes.csv", "filename,class,xmin\n", "lacks the column width, height, ymin, xmax, ymax"),
        ("boxes.csv", "class,filename,width,height,xmin,ymin,xmax,ymax\ncat,a,1,1,x,0,1,1\n", "line 2 lacks a number"),
    ],
)
def test_refused(tmp_path, name, text, message):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_annotated_boxes(path)


HEAD = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
ONE_BOX = (
    '{"images": [{"id": 1, "width": 9, "height": 9}], "categories": [{"id": 1, "name": "a"}], "annotations": [%s]}'
)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("boxes.csv", HEAD + "a,9,9,cat,nan,0,1,1\n", "a number of image a is not finite"),
        ("boxes.csv", HEAD + "a,9,inf,cat,0,0,1,1\n", "a number of image a is not finite"),
        ("boxes.csv", HEAD + "a,9,9,cat,3,0,3,1\n", "a box of image a, or the image, has no area"),
        ("boxes.csv", HEAD + "a,0,9,cat,0,0,1,1\n", "a box of image a, or the image, has no area"),
        ("boxes.csv", HEAD + "a,9,9\n", "line 2 lacks a number"),
        ("boxes.csv", HEAD + '"' + "x" * 140_000 + '",9,9,cat,0,0,1,1\n', "field larger than field limit"),
        ("boxes.json", ONE_BOX % '{"image_id": 1, "category_id": 1, "bbox": [0, 0, NaN, 1]}', "image 1 is not finite"),
        (
            "boxes.json",
            ONE_BOX % '{"image_id": 1, "category_id": 1, "bbox": [0, 0, 0, 1]}',
            "image 1, or the image, has no",
        ),
        (
            "boxes.json",
            ONE_BOX % '{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1e999, 1]}',
            "image 1 is not finite",
        ),
        ("boxes.json", "[" * 200_000, "cannot be read"),
        ("boxes.json", b"\xff\xfe\x00", "cannot be read"),
        ("c.xml", '<?xml version="1.0" encoding="klingon"?><a/>', "cannot be read"),
        ("c.xml", "<a>" * 100_000, "c.xml"),
        ("c.xml", VOC.format(DOG.replace("<xmin>1</xmin>", "<xmin>nan</xmin>")), "image c is not finite"),
    ],
)
def test_hostile_files_are_one_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=message) as caught:
        read_annotated_boxes(tmp_path if name.endswith("xml") else tmp_path / name)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
