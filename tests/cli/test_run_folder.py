import pytest
import torch

from lit_invariance.cli.run_folder import OURS, RunFolder, check_no_foreign_checkpoint
from lit_invariance.errors import UserError


@pytest.mark.parametrize("name", ["../x", "../../x", "/tmp/x", ".", "..", "a/../../x", "./x", "", " ", "a\0b", "..\\x"])
def test_names_stay_inside(name, in_folder):
    with pytest.raises(UserError, match="leads out of checkpoints/"):
        RunFolder(name)


def test_a_name_may_be_a_path_below(in_folder):
    assert RunFolder("study/first").last.parts == ("checkpoints", "study", "first", "last.ckpt")
    assert RunFolder("v1.2").best.parts == ("checkpoints", "v1.2", "best.ckpt")


def test_auto_takes_the_last_then_the_best_then_none(save_run):
    folder = RunFolder("run")
    assert folder.resumed("auto", overwrite=False) is None
    save_run("run", file="best.ckpt")
    assert folder.resumed("auto", overwrite=False) == "checkpoints/run/best.ckpt"
    with pytest.raises(UserError, match="there is no checkpoint checkpoints/run/last.ckpt to resume from; resume from"):
        folder.resumed("last", overwrite=False)
    save_run("run", file="last.ckpt")
    assert folder.resumed("auto", overwrite=False) == "checkpoints/run/last.ckpt"
    assert folder.resumed_settings["backbone"] == "tiny_resnet"
    with pytest.raises(UserError, match="holds an earlier run; resume it with --ckpt_path last"):
        folder.check_free(overwrite=False)
    folder.last.unlink()
    with pytest.raises(UserError, match="holds an earlier run; resume it with --ckpt_path auto"):
        folder.check_free(overwrite=False)
    with pytest.raises(UserError, match="leave one of them out"):
        folder.resumed("auto", overwrite=True)


def test_only_what_a_run_wrote_goes_and_only_when_the_next_stands(save_run, in_folder):
    folder = RunFolder("run")
    folder.make()
    for name in ("best.ckpt", "last.ckpt"):
        save_run("run", file=name)
    folder.curves.mkdir(parents=True)
    others = [folder.checkpoints / "epoch=3.ckpt", folder.curves / "events.out.tfevents.1.host.2.0"]
    own = folder.curves / f"events.out.tfevents.1.host.1.0{OURS}"
    for path in [*others, own]:
        path.write_text("precious")
    folder.check_free(overwrite=True)
    folder.mark_earlier()
    new = folder.curves / f"events.out.tfevents.2.host.3.0{OURS}"
    new.write_text("of the new run")
    assert folder.best.exists()
    folder.remove_earlier(first=folder.last)
    assert not folder.best.exists()
    assert not own.exists()
    assert all(path.read_text() == "precious" for path in others)
    assert folder.last.exists()
    assert new.exists()


def test_a_foreign_file_under_our_name_is_not_replaced(in_folder):
    folder = RunFolder("run")
    folder.make()
    torch.save({"of": "somebody"}, folder.best)
    with pytest.raises(UserError, match="holds an earlier run"):
        folder.check_free(overwrite=False)
    with pytest.raises(
        UserError, match=r"run/best.ckpt would be replaced, but it is not a checkpoint of train.py; move it"
    ):
        folder.check_free(overwrite=True)


def test_a_run_that_never_began_leaves_nothing(in_folder):
    folder = RunFolder("a/run")
    folder.check_writable()
    assert not list(in_folder.iterdir())
    folder.make()
    folder.curves.mkdir(parents=True)
    (folder.curves / f"events.out.tfevents.2.host.3.0{OURS}").write_text("")
    folder.leave_nothing()
    assert not list(in_folder.iterdir())


def test_what_others_have_in_the_folder_stays(in_folder):
    folder = RunFolder("run")
    folder.checkpoints.mkdir(parents=True)
    (folder.checkpoints / "notes.txt").write_text("mine")
    folder.make()
    folder.leave_nothing()
    assert (folder.checkpoints / "notes.txt").read_text() == "mine"
    assert not folder.curves.exists()


def test_another_jobs_checkpoint_is_not_continued_silently(in_folder, monkeypatch):
    (in_folder / "hpc_ckpt_1.ckpt").write_bytes(b"")
    check_no_foreign_checkpoint(in_folder, [])  # Lightning looks at it in SLURM jobs only
    for name, value in {"NTASKS": "1", "JOB_ID": "42", "JOB_NAME": "job"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    with pytest.raises(
        UserError, match=r"would resume from .*hpc_ckpt_1.ckpt instead of starting a new run; resume with"
    ):
        check_no_foreign_checkpoint(in_folder, [])
    (in_folder / "on_exception.ckpt").write_bytes(b"")
    (in_folder / "hpc_ckpt_1.ckpt").unlink()
    with pytest.raises(UserError, match="on_exception.ckpt"):
        check_no_foreign_checkpoint(in_folder, [in_folder / "on_exception.ckpt"])
