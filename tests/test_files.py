import errno
import os
import signal
import stat
import time

import pytest

from lit_invariance.errors import UserError
from lit_invariance.files import LOCK, made_if_filled, owned, remove_leftovers, replacing, writable_folder
from tests.forks import beginning


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


def test_a_folder_that_was_made_and_not_filled_is_gone(tmp_path):
    (tmp_path / "a").mkdir()
    with made_if_filled(tmp_path / "a" / "b" / "c") as folder:
        assert folder.is_dir()
    assert list(tmp_path.rglob("*")) == [tmp_path / "a"]
    with made_if_filled(tmp_path / "a"):
        pass
    with made_if_filled(tmp_path / "b") as folder:
        (folder / "file").touch()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "file"]


def test_folder_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UserError, match=r"the output folder .*file/x cannot be written, because it is or lies below a file"
    ):
        writable_folder(tmp_path / "file" / "x")
    with pytest.raises(UserError, match=r"output folder .*file cannot be written, because it is or lies below a file"):
        writable_folder(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        writable_folder(tmp_path)


def test_content_is_on_the_disk_before_its_name_is(tmp_path, monkeypatch):
    path, seen = tmp_path / "results.json", []
    real = os.fsync

    def fsync(descriptor):
        seen.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), path.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert seen == [(False, False), (True, True)]


def _fails_with(number):
    def write(*_):
        raise OSError(number, os.strerror(number))

    return write


@pytest.mark.parametrize(("number", "fix"), [(errno.ENOSPC, "free some space"), (errno.EACCES, "name another folder")])
def test_what_cannot_be_written_is_told_and_leaves_the_old_file(tmp_path, monkeypatch, number, fix):
    path = tmp_path / "results.json"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", _fails_with(number))
    told = rf"results.json cannot be written: {os.strerror(number)}; .*{fix}"
    with pytest.raises(UserError, match=told), replacing(path) as temporary:
        temporary.write_text("half")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_killed_runs_are_removed_and_nothing_else(tmp_path):
    with replacing(tmp_path / "results.json") as temporary:
        temporary.write_text("")
    for name in (temporary.name, ".results.tmp.json", "a.tmp"):
        (tmp_path / name).write_text("")
    remove_leftovers(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [".results.tmp.json", "a.tmp", "results.json"]


def test_an_owner_goes_on_owning_until_its_last_block_ends(tmp_path):
    with owned(tmp_path, "evaluation"):
        with owned(tmp_path / "x" / "..", "evaluation"):
            (tmp_path / "results.json").write_text("")
        assert (tmp_path / LOCK).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_the_lock_goes_with_its_process_though_a_worker_lives(tmp_path):
    def own() -> None:
        os.setsid()
        with owned(tmp_path, "training"):
            if os.fork():  # the child is a worker that outlives its parent
                print("ready")
            time.sleep(60)

    with beginning(own, ["train.py", "--name", "x"]) as begun:
        (process,) = begun.processes
        begun.wait_for_output()
        told = f"another training \\(process {process.pid} on .*, since 2.*: train.py --name x\\); wait for its end"
        try:
            with pytest.raises(UserError, match=told), owned(tmp_path, "training"):
                raise AssertionError
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            with owned(tmp_path, "training"):
                pass
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_other_processes_of_a_run_take_no_lock(tmp_path, monkeypatch):
    from pytorch_lightning.utilities import rank_zero_only

    monkeypatch.setattr(rank_zero_only, "rank", 1)
    with owned(tmp_path, "evaluation"), owned(tmp_path, "evaluation"):
        assert list(tmp_path.iterdir()) == []
