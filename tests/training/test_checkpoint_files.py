"""Checkpoints are whole at any moment, and the best one is of the run whose last one is resumed."""

import logging
import os
import shutil
import signal

import pytest
import pytorch_lightning as pl
import torch

from lit_invariance.errors import UserError
from lit_invariance.files import owned
from lit_invariance.training.checkpoint_files import WholeCheckpoints, identity_of
from lit_invariance.training.classifier import LitClassifier
from tests.forks import forked
from tests.training.test_resuming import Cut, PowerCut, assert_same, run, same


def read(path):
    return torch.load(path, weights_only=True)


def test_a_checkpoint_is_written_beside_its_name_and_not_by_way_of_another_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    path = tmp_path / "new" / "last.ckpt"
    first = []
    io = WholeCheckpoints(first.append)
    for number in range(2):
        io.save_checkpoint({"number": number}, path)
    assert read(path) == {"number": 1}
    assert first == [path]  # told once
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


def test_what_cannot_be_written_leaves_the_earlier_one(tmp_path):
    io, path = WholeCheckpoints(), tmp_path / "last.ckpt"
    io.save_checkpoint({"number": 0}, path)
    (tmp_path / "file").write_text("")
    with pytest.raises((UserError, OSError)):
        io.save_checkpoint({"number": 1}, tmp_path / "file" / "last.ckpt")
    with pytest.raises(Exception, match="pickle"):
        io.save_checkpoint({"number": lambda: 1}, path)
    assert read(path) == {"number": 0}
    assert {file.name for file in tmp_path.iterdir()} == {"last.ckpt", "file"}


def test_killed_while_it_writes_it_leaves_the_earlier_one_and_the_next_start_cleans_up(tmp_path):
    """The process ends between the write and the renaming."""
    path = tmp_path / "last.ckpt"

    def killed() -> None:
        io = WholeCheckpoints()
        io.save_checkpoint({"number": 0}, path)
        os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
        io.save_checkpoint({"number": 1}, path)

    codes, _, printed = forked(killed, [])
    assert codes == [-signal.SIGKILL], printed
    assert read(path) == {"number": 0}
    assert len(list(tmp_path.iterdir())) == 2
    with owned(tmp_path, "training"):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


class CutBeforeLast(pl.Callback):
    """Ends the training after `best.ckpt` of an epoch is written and before its `last.ckpt`."""

    def __init__(self, epoch):
        self.epoch, self.best = epoch, None

    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        if trainer.current_epoch == self.epoch:
            if self.best == trainer.global_step:
                raise PowerCut
            self.best = trainer.global_step


class Scores(LitClassifier):
    """A classifier whose epochs have the accuracies that a test sets."""

    values = (0.3, 0.6, 0.5)

    def log(self, name, value, **options):
        if name == "val/acc":
            value = self.values[self.trainer.current_epoch]
        super().log(name, value, **options)


def best_score(path):
    states = read(path)["callbacks"]
    (score,) = [states[key]["best_model_score"] for key in states if key.startswith("Best")]
    return float(score)


def test_killed_between_best_and_last_the_best_stays(tmp_path, caplog):
    """And where the repeated epoch comes out worse, as it may on a GPU, it does not replace the better one."""
    run(tmp_path / "whole", kind=Scores)
    parts = tmp_path / "parts"
    with pytest.raises(PowerCut):
        run(parts, CutBeforeLast(epoch=1), kind=Scores)
    assert (best_score(parts / "best.ckpt"), best_score(parts / "last.ckpt")) == pytest.approx((0.6, 0.3))
    kept = read(parts / "best.ckpt")["state_dict"]
    caplog.set_level(logging.INFO)
    worse = type("Worse", (Scores,), {"values": (0.3, 0.4, 0.5)})
    run(parts, kind=worse, resume=parts / "last.ckpt")
    assert "best.ckpt has val/acc 0.6000, which is not stored in the checkpoint to resume from" in caplog.text
    assert same(read(parts / "best.ckpt")["state_dict"], kept)
    assert best_score(parts / "last.ckpt") == pytest.approx(0.6)
    assert_same(tmp_path / "whole", parts)


def test_a_best_of_another_run_or_none_is_told_and_replaced(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(PowerCut):
        run(tmp_path / "one", Cut(epoch=0), kind=Scores)
    run(tmp_path / "other", kind=Scores, max_epochs=2)
    shutil.copy(tmp_path / "other" / "best.ckpt", tmp_path / "one" / "best.ckpt")
    low = type("Low", (Scores,), {"values": (0.3, 0.2, 0.1)})
    run(tmp_path / "one", kind=low, resume=tmp_path / "one" / "last.ckpt", max_epochs=2)
    assert "best.ckpt does not belong to the resumed run; the checkpoint of the next epoch replaces it" in caplog.text
    assert best_score(tmp_path / "one" / "best.ckpt") == pytest.approx(0.2)
    assert identity_of(read(tmp_path / "one" / "best.ckpt")) == identity_of(read(tmp_path / "one" / "last.ckpt"))
    (tmp_path / "one" / "best.ckpt").unlink()
    run(tmp_path / "one", kind=low, resume=tmp_path / "one" / "last.ckpt")
    assert "best.ckpt is missing; the checkpoint of the next epoch replaces it" in caplog.text
    assert best_score(tmp_path / "one" / "best.ckpt") == pytest.approx(0.1)
