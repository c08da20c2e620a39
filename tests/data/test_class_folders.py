import os
from pathlib import Path

import pytest
from PIL import Image

from lit_invariance.data.class_folders import (
    HIDDEN,
    IRREGULAR,
    LOOSE,
    OTHER,
    REPEATED,
    class_folders,
    list_images,
    list_loose_images,
)
from lit_invariance.errors import UserError


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (3, 2)).save(path, "PNG")
    return path


def names(root: Path) -> list[str]:
    return [str(Path(path).relative_to(root)) for _, path in list_images(root).samples]


def test_every_ending_and_what_is_passed_over(tmp_path: Path) -> None:
    for name in ("a.jfif", "b.JPE", "c.avif", "d.jp2", "e.pnm", "below/f.png"):
        picture(tmp_path / "ant" / name)
    picture(tmp_path / "ant/@eaDir/c.jpg/SYNOPHOTO_THUMB_M.jpg")
    picture(tmp_path / "ant/.thumb.jpg")
    picture(tmp_path / "__MACOSX/ant/a.jpg")
    picture(tmp_path / "loose.png")
    (tmp_path / "ant/notes.txt").touch()
    (tmp_path / "labels.csv").touch()
    listing = list_images(tmp_path)
    assert names(tmp_path) == ["ant/a.jfif", "ant/b.JPE", "ant/below/f.png", "ant/c.avif", "ant/d.jp2", "ant/e.pnm"]
    assert listing.passed_over == {HIDDEN: 3, OTHER: 2, LOOSE: 1}


def test_links_that_go_round_give_each_picture_once(tmp_path: Path) -> None:
    for name in ("ant/1.jpg", "ant/deep/2.jpg", "bee/3.jpg", "bee/4.jpg"):
        picture(tmp_path / name)
    os.symlink(".", tmp_path / "ant/loop")
    os.symlink("../..", tmp_path / "ant/deep/all")
    os.symlink("../../bee", tmp_path / "ant/deep/bee")
    os.symlink("self", tmp_path / "ant/self")
    os.symlink("nothing.jpg", tmp_path / "ant/broken.jpg")
    listing = list_images(tmp_path)
    assert len({Path(path).resolve() for _, path in listing.samples}) == len(listing.samples) == 4
    assert listing.passed_over[REPEATED] >= 2
    assert listing.passed_over[IRREGULAR] == 2


def test_two_names_of_one_file_are_one_picture(tmp_path: Path) -> None:
    os.link(picture(tmp_path / "ant/2.jpg"), tmp_path / "ant/3.jpg")
    os.symlink("2.jpg", tmp_path / "ant/1.jpg")
    os.symlink(picture(tmp_path / "elsewhere.jpg"), tmp_path / "ant/4.jpg")
    assert names(tmp_path) == ["ant/2.jpg", "ant/4.jpg"]
    assert list_images(tmp_path).passed_over == {REPEATED: 2, LOOSE: 1}


def test_equal_file_numbers_on_two_devices_are_two_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "ant/1.jpg")
    picture(tmp_path / "ant/2.jpg")
    monkeypatch.setattr("os.path.samefile", lambda one, other: False)
    os.link(tmp_path / "ant/1.jpg", tmp_path / "ant/3.jpg")
    assert names(tmp_path) == ["ant/1.jpg", "ant/2.jpg", "ant/3.jpg"]


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    picture(tmp_path / "ant/1.jpg")
    os.mkfifo(tmp_path / "ant/pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    assert names(tmp_path) == ["ant/1.jpg"]
    assert list_images(tmp_path).passed_over == {IRREGULAR: 2}


def test_a_class_that_is_another_ones_link_is_told(tmp_path: Path) -> None:
    picture(tmp_path / "ant/1.jpg")
    os.symlink("ant", tmp_path / "bee")
    with pytest.raises(UserError, match=r"bee holds no image .* not already counted in another folder"):
        list_images(tmp_path)


def test_pictures_without_class_folders_are_counted(tmp_path: Path) -> None:
    picture(tmp_path / "1.jpg")
    picture(tmp_path / "2.jpg")
    with pytest.raises(UserError, match="holds 2 pictures but no class folders"):
        list_images(tmp_path)


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,label")
    with pytest.raises(UserError, match="is a file, not a folder of class folders; .*set --data.dataset csv"):
        list_images(tmp_path / "labels.csv")
    assert class_folders(tmp_path / "labels.csv") == []
    with pytest.raises(UserError, match="there is no folder or list of pictures"):
        list_loose_images(tmp_path / "labels.csv")


def test_a_name_that_is_too_long_is_no_folder(tmp_path: Path) -> None:
    assert class_folders(tmp_path / ("a" * 300)) == []
    with pytest.raises(UserError, match="there is no data folder"):
        list_images(tmp_path / ("a" * 300))
