import os
import stat

import pytest

from lit_invariance.errors import UserError
from lit_invariance.files import replacing, writable_folder


def test_file_appears_at_the_end(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".json"
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_any_new_file(tmp_path):
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("x")
    (tmp_path / "b.txt").write_text("x")
    modes = {stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("a.txt", "b.txt")}
    assert len(modes) == 1


def test_folder_is_made_and_left_empty(tmp_path):
    folder = writable_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []


def test_folder_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UserError, match=r"the output folder .*file/x cannot be written, for it is or lies below a file"
    ):
        writable_folder(tmp_path / "file" / "x")
    with pytest.raises(UserError, match=r"the output folder .*file cannot be written, for it is or lies below a file"):
        writable_folder(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        writable_folder(tmp_path)
