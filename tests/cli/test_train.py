import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_invariance.cli.entry import train_command
from lit_invariance.cli.train import train
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.training.checkpoint import load_checkpoint
from tests.forks import forked
from tests.training.test_resuming import assert_same

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--config", "shapes.yaml", "--data.image_size", "32", "--data.batch_size", "16", "--trainer.accelerator", "cpu"]
TINY += ["--data.shapes", "{train_images: 32, val_images: 20}", "--trainer.enable_progress_bar", "false"]
TINY += ["--trainer.enable_model_summary", "false", "--trainer.log_every_n_steps", "1"]


def scalars(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_a_run_leaves_what_it_promises(in_folder):
    train([*TINY, "--trainer.max_epochs", "2"])
    assert {path.name for path in Path("checkpoints/shapes").iterdir()} == {"best.ckpt", "last.ckpt", "config.yaml"}
    logged = scalars("runs/shapes")
    others = ("val_other/mean_absolute_change", "val_other/loss", "while_training/acc")
    for tag in ("val/acc", "val/top1_change", *others):
        assert len(logged[tag]) == 2, tag
    assert len(logged["while_training/loss"]) == len(logged["while_training/lr"]) == 4
    assert sorted(logged)[:2] == ["val/acc", "val/top1_change"]  # what TensorBoard opens on
    restored = load_checkpoint("checkpoints/shapes/last.ckpt")
    assert restored.hparams["backbone"] == "tiny_resnet"


def test_the_saved_config_repeats_the_run(in_folder):
    train([*TINY, "--trainer.max_epochs", "1", "--model.lr", "0.07"])
    saved = yaml.safe_load(Path("checkpoints/shapes/config.yaml").read_text())
    assert saved["model"]["lr"] == 0.07
    first = torch.load("checkpoints/shapes/last.ckpt", weights_only=True)
    train(["--config", "checkpoints/shapes/config.yaml", "--name", "again"])
    second = torch.load("checkpoints/again/last.ckpt", weights_only=True)
    assert all(torch.equal(first["state_dict"][key], second["state_dict"][key]) for key in first["state_dict"])


def test_an_earlier_run_is_not_lost_by_accident(in_folder):
    train([*TINY, "--trainer.max_epochs", "1"])
    before = Path("checkpoints/shapes/last.ckpt").read_bytes()
    with pytest.raises(UserError, match="holds an earlier run; resume it with --ckpt_path last"):
        train([*TINY, "--trainer.max_epochs", "1"])
    assert Path("checkpoints/shapes/last.ckpt").read_bytes() == before
    train([*TINY, "--trainer.max_epochs", "2", "--overwrite", "true"])
    assert len(scalars("runs/shapes")["val/acc"]) == 2


class Kill(pl.Callback):
    """Ends the process as a machine without memory does."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == (2, 1):
            os.kill(os.getpid(), signal.SIGKILL)


def test_killed_in_the_middle_of_an_epoch_it_goes_on_from_the_last_finished_one(in_folder):
    """The process kills itself before the second batch of its third epoch, so two epochs are finished."""
    plan = [*TINY, "--trainer.max_epochs", "4"]
    train([*plan, "--name", "whole"])
    codes, _, printed = forked(train_command, ["train.py", *plan, "--trainer.callbacks+=tests.cli.test_train.Kill"])
    assert codes == [-signal.SIGKILL], printed
    assert torch.load("checkpoints/shapes/last.ckpt", weights_only=True)["epoch"] == 1
    train([*plan, "--ckpt_path", "last"])
    assert len(scalars("runs/shapes")["val/acc"]) == 4
    assert_same(Path("checkpoints/whole"), Path("checkpoints/shapes"))


def test_overlays_and_overrides(in_folder, capsys):
    Path("overlay.yaml").write_text("model:\n  lr: 0.5\n  momentum: 0.8\n")
    with pytest.raises(SystemExit) as leave:
        train(["--config", "aa_resnet50", "--config", "overlay.yaml", "--model.momentum", "0.7", "--print_config"])
    assert leave.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["model"]["backbone"] == "torchvision/resnet50"
    assert printed["model"]["lr"] == 0.5
    assert printed["model"]["momentum"] == 0.7


@pytest.mark.parametrize(("given", "taken"), [("1", 1), ("1.0", 1.0), ("0.5", 0.5), ("3", 3)])
def test_a_limit_is_a_count_or_a_share(given, taken, in_folder, capsys):
    """One batch is not all batches."""
    with pytest.raises(SystemExit):
        train(["--config", "shapes", "--trainer.limit_train_batches", given, "--print_config"])
    limit = yaml.safe_load(capsys.readouterr().out)["trainer"]["limit_train_batches"]
    assert (limit, type(limit)) == (taken, type(taken))


def test_the_name_is_the_first_config_s(in_folder):
    Path("overlay.yaml").write_text("trainer:\n  max_epochs: 1\n")
    assert train([*TINY, "--config", "overlay.yaml"]).config["name"] == "shapes"


BAD = [
    (["--config", "shape"], "unknown config 'shape'; did you mean"),
    (
        ["--config", "shapes", "--model.backbone", "tiny_resnt"],
        "unknown backbone 'tiny_resnt'; did you mean tiny_resnet",
    ),
    (["--config", "shapes", "--model.invariance_protocol", "crp"], "unknown protocol 'crp'; did you mean crop"),
    (["--config", "shapes", "--model.mitigations", "[blurpol]"], "unknown mitigation 'blurpol'; did you mean blurpool"),
    (["--config", "shapes", "--model.mitigations", "[translation]"], "data.translation"),
    (["--config", "shapes", "--model.num_classes", "7"], "set --model.num_classes 10"),
    (["--config", "shapes", "--model.weights", "cut.pth"], "cut.pth' cannot be read"),
    (["--config", "shapes", "--ckpt_path", "last"], "there is no checkpoint checkpoints/shapes/last.ckpt"),
    (["--config", "shapes", "--ckpt_path", "cut.pth"], "cut.pth' cannot be read"),
    (["--config", "shapes", "--ckpt_path", "auto", "--overwrite", "true"], "leave one of them out"),
    (["--config", "shapes", "--name", "../../x"], "--name '../../x' leads out of checkpoints/"),
    (["--config", "shapes", "--model.lrr", "3"], "did you mean --model.lr"),
    (["--config", "shapes", "--model.lr", "fast"], "model.lr"),
    (["--config", "shapes", "--data.dataset", "CIFAR11"], "did you mean CIFAR10"),
    (["--config", "aa_resnet50", "--model.weights", "null", "--data.root", "nowhere"], "nowhere"),
    (["--config", "aa_resnet50", "--data.root", "nowhere"], "nowhere"),  # before any weights are fetched
    (["--config", "shapes", "--trainer.max_epochs", "many"], "max_epochs"),
    (["--config", "shapes", "--trainer.accelerator", "abacus"], "abacus"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(bad[0][2:]) or bad[0][1] for bad in BAD])
def test_bad_input_is_one_sentence_and_code_2(arguments, message, in_folder, monkeypatch, capsys):
    Path("cut.pth").write_bytes(b"PK\x03\x04 and nothing more")
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with pytest.raises(SystemExit) as leave:
        train_command()
    told = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert leave.value.code == 2
    assert told[-1].startswith("error: ")
    assert message in told[-1]
    assert len([line for line in told if "rror" in line]) == 1
    assert [path.name for path in Path().iterdir()] == ["cut.pth"]  # nothing is left by a run that never began


def test_an_output_folder_that_cannot_be_written(in_folder):
    Path("checkpoints").write_text("a file in the way")
    with pytest.raises(UserError, match="cannot be written"):
        train(TINY)


def test_two_processes_log_what_one_computes(in_folder):
    """The images are shared out unevenly and not padded, and batch-norm statistics differ between the processes."""
    options = [*TINY, "--data.shapes", "{train_images: 32, val_images: 21}", "--trainer.max_epochs", "1"]
    command = [sys.executable, str(ROOT / "train.py"), *options, "--trainer.devices", "2", "--trainer.strategy", "ddp"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    content = torch.load("checkpoints/shapes/last.ckpt", weights_only=True)
    data = InvarianceData(**content["datamodule_hyper_parameters"])
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
    (alone,) = trainer.validate(load_checkpoint("checkpoints/shapes/last.ckpt"), data, verbose=False)
    together = scalars("runs/shapes")
    for tag in (
        "val/acc",
        "val/top1_change",
        "val_other/loss",
        "val_other/mean_absolute_change",
        "val_other/agreement",
    ):
        assert together[tag] == pytest.approx([alone[tag.replace("_other", "")]], abs=1e-6), tag


def test_a_killed_process_ends_the_other_in_a_sentence_and_the_run_goes_on(in_folder):
    """The second process kills itself before the second batch of the second epoch."""
    Path("killing.py").write_text(
        "import os, signal\n"
        "from pytorch_lightning import Callback\n"
        "class Kill(Callback):\n"
        "    def on_train_batch_start(self, trainer, module, batch, index):\n"
        "        if (trainer.global_rank, trainer.current_epoch, index) == (1, 1, 1):\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    options = [*TINY, "--data.batch_size", "8", "--trainer.max_epochs", "2"]
    command = [sys.executable, str(ROOT / "train.py"), *options, "--trainer.devices", "2", "--trainer.strategy", "ddp"]
    path = os.pathsep.join([str(in_folder), str(ROOT)])
    done = subprocess.run(
        [*command, "--trainer.callbacks+=killing.Kill"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path},
    )
    # Lightning looks every five seconds for dead children and may be the first to see one.
    assert done.returncode in (2, -signal.SIGKILL), done.stderr
    assert "another process of this training has ended" in done.stderr or "of this command died" in done.stderr
    assert "Traceback" not in done.stderr
    assert torch.load("checkpoints/shapes/last.ckpt", weights_only=True)["epoch"] == 0
    cli = train([*options, "--ckpt_path", "last"])
    assert cli.trainer.current_epoch == 2


def test_a_mistake_leaves_an_earlier_run_as_it_was(in_folder):
    train([*TINY, "--trainer.max_epochs", "1"])
    kept = {path: path.read_bytes() for path in Path("checkpoints/shapes").iterdir()}
    curves = sorted(Path("runs/shapes").iterdir())
    for mistake in (["--model.backbone", "tiny_resnt"], ["--model.num_classes", "7"]):
        with pytest.raises(UserError):
            train([*TINY, "--overwrite", "true", *mistake])
    for other in (["--model.mitigations", "[blurpool]"], ["--model.optimizer", "sgd"]):
        with pytest.raises(UserError, match=f"was trained with {other[0][2:]}"):
            train([*TINY, "--ckpt_path", "last", *other])
    assert {path: path.read_bytes() for path in Path("checkpoints/shapes").iterdir()} == kept
    assert sorted(Path("runs/shapes").iterdir()) == curves


def test_without_validation_images_there_is_no_best(in_folder, caplog):
    with caplog.at_level(logging.INFO, logger="pytorch_lightning"):
        train([*TINY, "--trainer.max_epochs", "1", "--trainer.limit_val_batches", "0"])
    assert "compare:     python evaluate.py --models checkpoints/shapes/last.ckpt" in caplog.text
    assert Path("checkpoints/shapes/last.ckpt").is_file()
