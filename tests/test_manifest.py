import json

import pytest

from lit_invariance.errors import UserError
from lit_invariance.files import replacing
from lit_invariance.manifest import NAME, Manifest, listed

NAMES = ("scores_*.png", "pictures/*.webp", "results.json")


def write(path, text=""):
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text)


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_only_what_an_earlier_run_listed_is_deleted(tmp_path):
    with listed(tmp_path, NAMES):
        for name in ("results.json", "scores_a.png", "scores_b.png", "pictures/1.webp", "other.txt"):
            write(tmp_path / name, "earlier")
    (tmp_path / "mine.png").write_text("mine")
    with listed(tmp_path, NAMES):
        write(tmp_path / "results.json", "new")
        write(tmp_path / "scores_a.png", "new")
    assert files(tmp_path) == [NAME, "mine.png", "other.txt", "results.json", "scores_a.png"]
    assert json.loads((tmp_path / NAME).read_text()) == ["other.txt", "results.json", "scores_a.png"]


@pytest.mark.parametrize("name", ["results.json", "scores_holiday.png", "pictures/dog.webp"])
def test_a_foreign_file_under_our_names_is_refused_and_stays(tmp_path, name):
    (tmp_path / "pictures").mkdir()
    (tmp_path / name).write_text("mine")
    told = f"{name} was not written by an evaluation .*; move it away"
    with pytest.raises(UserError, match=told), listed(tmp_path, NAMES):
        raise AssertionError
    assert files(tmp_path) == [name]


def test_nothing_is_written_or_deleted_through_a_link(tmp_path):
    folder, other = tmp_path / "results", tmp_path / "photos"
    folder.mkdir()
    write(other / "mine.webp", "mine")
    (folder / "pictures").symlink_to(other)
    (folder / NAME).write_text(json.dumps(["pictures/mine.webp"]))  # a stranger's list
    with pytest.raises(UserError, match="pictures is a link to another folder"), listed(folder, NAMES):
        raise AssertionError
    with pytest.raises(UserError, match="pictures is a link to another folder"):
        Manifest(folder).add(folder / "pictures" / "new.webp")
    assert (other / "mine.webp").read_text() == "mine"


def test_a_foreign_file_that_no_pattern_names_is_not_replaced(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="notes.txt was not written"), listed(tmp_path, NAMES):
        write(tmp_path / "notes.txt", "ours")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_a_killed_run_left_is_known_for_ours(tmp_path):
    def killed():
        with listed(tmp_path, NAMES):
            write(tmp_path / "scores_a.png")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert files(tmp_path) == [NAME, "scores_a.png"]
    with listed(tmp_path, NAMES):
        write(tmp_path / "results.json")
    assert files(tmp_path) == [NAME, "results.json"]


def test_files_elsewhere_are_nothing_to_it(tmp_path):
    with listed(tmp_path / "out", NAMES):
        write(tmp_path / "elsewhere" / "a.txt")
    assert files(tmp_path) == ["elsewhere/a.txt"]


@pytest.mark.parametrize("text", ["{", "[1]", "null", '["../keep.txt", "*", "**/*"]'])
def test_a_broken_or_hostile_list_makes_nothing_ours(tmp_path, text):
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "keep.txt").write_text("mine")
    (folder / "mine.txt").write_text("mine")
    (folder / NAME).write_text(text)
    with listed(folder, NAMES):
        write(folder / "results.json")
    Manifest(folder).remove_earlier(("*.txt",))
    assert (tmp_path / "keep.txt").exists()
    assert (folder / "mine.txt").exists()
