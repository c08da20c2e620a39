from pathlib import Path

import pytest
from PIL import Image

from lit_invariance.data.boxes import BoxFiles, read_box
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.image_folder import load_image_folder
from lit_invariance.errors import UserError

# As ILSVRC2012_bbox_val_v3 writes it.
VOC = """<annotation>
	<folder>val</folder>
	<filename>ILSVRC2012_val_00000001</filename>
	<source><database>ILSVRC_2012</database></source>
	<size><width>{width}</width><height>{height}</height><depth>3</depth></size>
	<segmented>0</segmented>
{objects}</annotation>
"""
OBJECT = """	<object><name>n01751748</name>
		<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>
	</object>
"""


def write(path: Path, *boxes: tuple[int, int, int, int], width: int = 500, height: int = 375) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    objects = "".join(OBJECT.format(*box) for box in boxes)
    path.write_text(VOC.format(width=width, height=height, objects=objects))
    return path


def picture(path: Path, width: int = 500, height: int = 375, **options: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height)).save(path, **options)
    return str(path)


def test_pixels_are_counted_from_one_with_both_ends_in(tmp_path):
    assert read_box(write(tmp_path / "a.xml", (1, 1, 500, 375)), (500, 375)) == (0, 0, 500, 375)
    assert read_box(write(tmp_path / "a.xml", (11, 21, 11, 22)), (500, 375)) == (10, 20, 11, 22)


def test_several_objects_give_the_box_around_all(tmp_path):
    file = write(tmp_path / "a.xml", (11, 41, 30, 50), (101, 21, 120, 30))
    assert read_box(file, (500, 375)) == (10, 20, 120, 50)


def test_the_box_is_resized_with_the_picture(tmp_path):
    file = write(tmp_path / "a.xml", (101, 76, 200, 150))
    assert read_box(file, (250, 750)) == (50, 150, 100, 300)


def test_no_object_is_no_box(tmp_path):
    assert read_box(write(tmp_path / "a.xml"), (500, 375)) is None


def test_by_class_folder_flat_or_not_at_all(tmp_path):
    paths = [picture(tmp_path / "pictures" / name) for name in ("n01/a.JPEG", "n02/b.JPEG", "n02/c.JPEG")]
    write(tmp_path / "boxes/n01/a.xml", (1, 1, 10, 10))
    write(tmp_path / "boxes/b.xml", (1, 1, 20, 20))
    boxes = BoxFiles(tmp_path / "boxes", paths)
    assert [boxes[position] for position in range(len(boxes))] == [(0, 0, 10, 10), (0, 0, 20, 20), None]


def test_the_size_is_that_of_the_upright_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = picture(tmp_path / "a.jpg", 40, 20, exif=exif)
    write(tmp_path / "a.xml", (1, 1, 10, 20), width=20, height=40)
    assert BoxFiles(tmp_path, [path])[0] == (0, 0, 10, 20)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<annotation>", "no element found"),
        ("<annotation/>", "it has no number size/width"),
        (VOC.format(width=0, height=3, objects=""), "not positive"),
        (VOC.format(width=9, height=9, objects=OBJECT.format(5, 1, 4, 2)), "not positive"),
        (VOC.format(width=9, height=9, objects=OBJECT.format("x", 1, 4, 2)), "it has no number xmin"),
    ],
)
def test_a_broken_file_is_named(tmp_path, content, reason):
    file = tmp_path / "a.xml"
    file.write_text(content)
    with pytest.raises(UserError, match=rf"cannot read the box {file} \(.*{reason}.*\); fix or remove"):
        read_box(file, (9, 9))


def test_a_broken_picture_is_named(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    write(tmp_path / "a.xml", (1, 1, 2, 2))
    with pytest.raises(UserError, match=r"cannot read the image .*a\.jpg"):
        BoxFiles(tmp_path, [str(tmp_path / "a.jpg")])[0]


def test_wrong_folders_are_told(tmp_path):
    path = picture(tmp_path / "pictures/ant/a.png")
    with pytest.raises(UserError, match="no folder of boxes .*absent"):
        BoxFiles(tmp_path / "absent", [path])
    with pytest.raises(UserError, match=r"boxes of none of the images; a\.xml would be that of .*a\.png"):
        BoxFiles(tmp_path, [path])
    with pytest.raises(UserError, match=r"data\.boxes applies to image_folder, csv, ImageNet, not to shapes"):
        InvarianceData(boxes=str(tmp_path))


def test_the_data_set_has_them_by_position(tmp_path):
    for name in ("ant/a.png", "bee/b.png"):
        picture(tmp_path / "pictures" / name)
    write(tmp_path / "boxes/bee/b.xml", (1, 1, 20, 20))
    data = InvarianceData(
        "image_folder", str(tmp_path / "pictures"), val_fraction=1.0, boxes=str(tmp_path / "boxes"), num_workers=0
    )
    boxes = data.val_dataloader().dataset.source.boxes
    assert [boxes[position] for position in range(2)] == [None, (0, 0, 20, 20)]
    assert load_image_folder(str(tmp_path / "pictures"), val_fraction=1.0).val.boxes is None
