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
    with pytest.raises(UserError, match=r"c.xml: it lacks a number\); mend or replace"):
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
        ("boxes.txt", "", "are in no known format; give a folder, or a file that ends in .json or .csv"),
        ("boxes.json", None, "No such file"),
        ("boxes.json", "{", "cannot be read .* mend or replace the file"),
        ("boxes.json", "[]", "cannot be read"),
        ("boxes.json", '{"images": []}', "'categories' is missing"),
        ("boxes.csv", "filename,class,xmin\n", "names no column width, height, ymin, xmax, ymax"),
        ("boxes.csv", "class,filename,width,height,xmin,ymin,xmax,ymax\ncat,a,1,1,x,0,1,1\n", "could not convert"),
    ],
)
def test_refused(tmp_path, name, text, message):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_annotated_boxes(path)
