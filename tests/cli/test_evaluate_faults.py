import errno
import os
import signal
import time
from pathlib import Path

import pytest

from lit_invariance.cli.entry import evaluate_command
from lit_invariance.cli.evaluate import evaluate
from lit_invariance.errors import UserError
from lit_invariance.files import LOCK
from tests.cli.test_evaluate import NEW, QUICK, SHAPES
from tests.forks import beginning

CHOSEN = [*NEW, *SHAPES, *QUICK, "--cost", "false", "--protocols", "crop", "--output", "out"]


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["pictures/holiday.webp", "scores_2019.png", "results.json", "report.html"])
def test_a_folder_with_foreign_files_is_refused_before_anything_is_measured(in_folder, name):
    path = Path("out", name)
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(UserError, match=f"out/{name} was not written by an evaluation"):
        evaluate(CHOSEN)
    assert contents(Path("out")) == {name: b"mine"}


def test_foreign_files_under_other_names_stay_and_an_earlier_evaluations_go(in_folder):
    mine = ["notes.txt", "pictures/holiday.jpg", "unfinished/thesis.txt", "scores_2019.csv"]
    for name in mine:
        Path("out", name).parent.mkdir(parents=True, exist_ok=True)
        Path("out", name).write_text("mine")
    evaluate([*CHOSEN, "--protocols", "embed_black"])
    assert Path("out/scores_embed_black.png").exists()
    evaluate(CHOSEN)
    assert not Path("out/scores_embed_black.png").exists()
    assert not list(Path("out/pictures").glob("embed_black*"))
    assert dict.fromkeys(mine, b"mine").items() <= contents(Path("out")).items()
    listed = set(contents(Path("out"))) - set(mine)
    evaluate(["--from", "out"])
    assert set(contents(Path("out"))) == listed | set(mine)


@pytest.fixture
def running(in_folder):
    """A process that evaluates, with a batch or two behind it, and what it says."""
    many = ["--data.shapes", "{val_images: 4000}", "--data.batch_size", "4"]
    with beginning(evaluate_command, ["evaluate.py", *CHOSEN, *many]) as begun:
        (process,) = begun.processes
        while not list(Path("out/unfinished").glob("*/*.npz")):
            assert process.exitcode is None, begun.stderr
            time.sleep(0.05)
        yield begun


def test_a_running_evaluation_owns_its_folder_and_stops_on_a_signal(running):
    pid = running.processes[0].pid
    with pytest.raises(UserError, match=rf"another evaluation \(process {pid} on .*: evaluate.py --models"):
        evaluate(CHOSEN)
    os.kill(pid, signal.SIGTERM)
    assert running.wait().codes == [128 + signal.SIGTERM]
    told = running.stderr
    assert "stopped by SIGTERM; resume with: python evaluate.py --models small=tiny_resnet@none" in told
    assert "Traceback" not in told
    assert not Path("out", LOCK).exists()
    assert list(Path("out/unfinished").glob("*/*.npz"))


def test_a_full_disk_is_told_and_after_space_is_made_the_command_goes_on(in_folder, monkeypatch, capsys):
    written, sync = [], os.fsync

    def full(descriptor):
        written.append(descriptor)
        if len(written) > 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="No space left on device; free some space and give the same command again"):
            evaluate([*CHOSEN, "--data.batch_size", "4"])
    assert {path.suffix for path in Path("out").rglob("*") if path.is_file()} == {".npz", ".json"}
    capsys.readouterr()
    evaluate([*CHOSEN, "--data.batch_size", "4"])
    assert "resuming where out/unfinished stopped:" in capsys.readouterr().out
    assert not Path("out/unfinished").exists()
