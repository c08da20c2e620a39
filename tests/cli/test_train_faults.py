"""What happens to a training's files when something goes wrong."""

import contextlib
import functools
import logging
import multiprocessing
import os
import resource
import shlex
import signal
import time
import warnings
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
import yaml
from PIL import Image

from lit_invariance.cli.entry import train_command
from lit_invariance.cli.failures import in_one_sentence
from lit_invariance.cli.signals import Stopped
from lit_invariance.cli.train import train
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.files import owned
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.training.restored import Restored
from tests.forks import beginning, forked
from tests.training.test_resuming import assert_same

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--config", "shapes.yaml", "--data.image_size", "16", "--data.batch_size", "8", "--trainer.accelerator", "cpu"]
SMALL += ["--data.shapes", "{train_images: 16, val_images: 10}", "--trainer.enable_progress_bar", "false"]
SMALL += ["--trainer.enable_model_summary", "false", "--trainer.log_every_n_steps", "1"]
SMALL += ["--model.invariance_images", "0", "--trainer.max_epochs", "2"]
RUN = Path("checkpoints/shapes")


def content(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def read(name):
    return torch.load(RUN / name, weights_only=True)


def test_an_earlier_run_goes_when_the_new_one_stands(in_folder, caplog):
    train(SMALL)
    (RUN / "epoch=7.ckpt").write_text("somebody's")
    before = content(Path())
    with pytest.raises(UserError, match="not finite"):  # the first epoch diverges
        train([*SMALL, "--overwrite", "true", "--model.lr", "1e30", "--model.warmup_epochs", "0"])
    assert before.items() <= content(Path()).items()
    assert "resume with" not in caplog.text  # the checkpoint that stands there is not of this run
    train([*SMALL, "--overwrite", "true", "--trainer.enable_checkpointing", "false", "--trainer.max_epochs", "1"])
    assert before.items() <= content(Path()).items()
    train([*SMALL, "--overwrite", "true", "--trainer.limit_val_batches", "0", "--trainer.max_epochs", "1"])
    assert {path.name for path in RUN.iterdir()} == {"last.ckpt", "config.yaml", "epoch=7.ckpt"}
    assert len(list(Path("runs/shapes").glob("events*"))) == 1
    assert yaml.safe_load((RUN / "config.yaml").read_text())["trainer"]["max_epochs"] == 1


def test_a_diverging_run_keeps_its_last_good_checkpoint(in_folder):
    poison = ["--ckpt_path", "last", "--trainer.callbacks+", "tests.cli.test_train_faults.Poison"]
    unseen = ["--name", "unseen", "--trainer.limit_val_batches", "0"]
    train([*SMALL, "--trainer.max_epochs", "1"])
    train([*SMALL, *unseen, "--trainer.max_epochs", "1"])
    before = content(RUN.parent)
    with pytest.raises(UserError, match="logits on the validation images are not finite in the validation of epoch 2"):
        train([*SMALL, *poison])
    with pytest.raises(UserError, match="no longer finite in epoch 2, which is not saved"):
        train([*SMALL, *poison, *unseen])
    assert content(RUN.parent) == before


class Poison(pl.Callback):
    """Makes the network answer with nan."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        for parameter in pl_module.parameters():
            parameter.data.fill_(float("nan"))


def test_auto_begins_and_goes_on(in_folder):
    again = [*SMALL, "--ckpt_path", "auto"]
    train(again)
    assert read("last.ckpt")["epoch"] == 1
    resumed = train([*again, "--trainer.max_epochs", "3"])
    assert (resumed.trainer.current_epoch, read("last.ckpt")["epoch"]) == (3, 2)


def test_a_full_disk_is_told_and_the_same_command_goes_on(in_folder):
    """No file may grow beyond 60 kB, which the curves do not and a checkpoint does."""
    again = [*SMALL, "--ckpt_path", "auto"]
    train([*again, "--name", "whole"])
    train([*again, "--trainer.callbacks+", "tests.cli.test_train_faults.Leave", "--trainer.max_epochs", "2"])
    before = content(RUN)
    assert read("last.ckpt")["epoch"] == 0
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"(best|last).ckpt cannot be written: File too large"):
            train(again)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert content(RUN) == before
    train(again)
    assert_same(Path("checkpoints/whole"), RUN)


class Leave(pl.Callback):
    """Ends the training after its first epoch, without an error."""

    def on_train_epoch_end(self, trainer, pl_module):
        trainer.should_stop = True


def hold_the_run():
    with owned(RUN, "training"):
        print("owned")
        time.sleep(60)


def test_two_trainings_of_one_name(in_folder):
    RUN.mkdir(parents=True)
    with beginning(hold_the_run, []) as other:
        other.wait_for_output()
        (process,) = other.processes
        with pytest.raises(UserError, match=rf"is being written to by another training \(process {process.pid} on"):
            train(SMALL)
        assert not list(RUN.glob("*.*pt"))


class KillWorkers(pl.Callback):
    """Does to the processes that load pictures what a machine without memory does."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        for process in multiprocessing.active_children():
            os.kill(process.pid, signal.SIGKILL)
            process.join()


def test_a_killed_worker_is_one_sentence(in_folder):
    killing = ["--data.num_workers", "1", "--trainer.callbacks+", "tests.cli.test_train_faults.KillWorkers"]
    with pytest.raises(UserError, match=r"was killed, probably because memory ran out; use fewer processes"):
        train([*SMALL, *killing])


REFUSED = [
    (torch.OutOfMemoryError("CUDA out of memory."), "halve --data.batch_size"),
    (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 64 bytes"), "halve --data.batch_size"),
    (MemoryError(), "halve --data.batch_size"),
    (PermissionError(13, "Permission denied", "runs/x/events"), "runs/x/events cannot be written: Permission denied"),
    (OSError(28, "No space left on device"), "here cannot be written: No space left on device; free some space"),
]


@pytest.mark.parametrize(("error", "told"), REFUSED)
def test_what_the_machine_refuses_is_one_sentence(error, told):
    with pytest.raises(UserError, match=told), in_one_sentence(Path("here")):
        raise error


def test_other_errors_are_no_users_mistakes():
    with pytest.raises(RuntimeError, match="a fault") as caught, in_one_sentence(Path("here")):
        raise RuntimeError("a fault of the program")
    assert not isinstance(caught.value, UserError)


@pytest.mark.parametrize(("options", "told"), [
    (["--trainer.limit_train_batches", "0.01"], "limit_train_batches"),
    (["--trainer.val_check_interval", "9"], "val_check_interval"),
    (["--trainer.limit_train_batches", "0"], "limit_train_batches 0 trains nothing"),
    (["--trainer.max_epochs", "0"], "max_epochs 0 trains nothing"),
    (["--trainer.val_check_interval", "0"], "val_check_interval is 0; it must be above 0"),
    (["--trainer.check_val_every_n_epoch", "0"], "check_val_every_n_epoch is 0; it must be above 0"),
    (["--trainer.accumulate_grad_batches", "0"], "accumulate_grad_batches is 0; it must be above 0"),
    (["--trainer.devices", "-5"], "trainer options do not fit this machine"),
    (["--config", "{seed_everything: null}"], "seed_everything is None; it is a whole number from 0 to 4294967295"),
    (["--seed_everything", "-1"], "seed_everything is -1; it is a whole number from 0 to 4294967295"),
    (["--seed_everything", "99999999999999999999"], "it is a whole number from 0 to 4294967295"),
])  # fmt: skip
def test_options_that_do_not_fit_the_data_leave_nothing(options, told, in_folder):
    with pytest.raises(UserError, match=told):
        train([*SMALL, *options])
    assert not list(in_folder.iterdir())


def test_head_and_classes_follow_the_data(in_folder, caplog):
    caplog.set_level(logging.INFO)
    for split in ("train", "val"):
        for name in ("ant", "bee", "cat"):
            for number in range(4):
                path = Path("pictures", split, name, f"{number}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (20, 20), (60 * number, 40, 90)).save(path)
    Path("own.yaml").write_text(
        "model: {backbone: tiny_resnet, invariance_images: 0}\n"
        "data: {dataset: image_folder, root: pictures, image_size: 16, batch_size: 4, num_workers: 0}\n"
        "trainer: {max_epochs: 1, accelerator: cpu, enable_progress_bar: false, enable_model_summary: false}\n"
    )
    cli = train(["--config", "own.yaml", "--model.weights", "none", "--trainer.log_every_n_steps", "1"])
    assert cli.model.num_classes == cli.model.hparams["num_classes"] == 3
    assert "head:        3 outputs, one for each class of the data" in caplog.text
    assert yaml.safe_load(Path("checkpoints/own/config.yaml").read_text())["model"]["num_classes"] == 3


def test_the_best_that_is_told_is_ours(in_folder, caplog):
    caplog.set_level(logging.INFO)
    Path("more.yaml").write_text(
        "trainer:\n  callbacks:\n  - class_path: ModelCheckpoint\n"
        "    init_args: {dirpath: mine, monitor: train/acc, mode: min}\n  - class_path: ModelCheckpoint\n"
    )
    train([*SMALL, "--config", "more.yaml"])
    best = max(key for key in read("best.ckpt")["callbacks"] if key.startswith("Best"))
    score = float(read("best.ckpt")["callbacks"][best]["best_model_score"])
    assert f"best.ckpt (val/acc {score:.4f}) and last.ckpt" in caplog.text
    assert list(Path("mine").iterdir())


def test_a_command_changes_nothing_for_the_program_that_calls_it(in_folder):
    logger = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    before = list(warnings.filters), list(logger.filters), signal.getsignal(signal.SIGTERM), dict(os.environ)
    train([*SMALL, "--trainer.fast_dev_run", "true"])
    after = list(warnings.filters), list(logger.filters), signal.getsignal(signal.SIGTERM), dict(os.environ)
    assert after[:3] == before[:3]
    assert set(after[3]) - set(before[3]) <= {"PL_GLOBAL_SEED", "PL_SEED_WORKERS"}
    assert not list(in_folder.iterdir())


@pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed", "64-true"])
def test_precisions_train(precision, in_folder):
    train([*SMALL, "--trainer.precision", precision, "--model.invariance_images", "4", "--trainer.max_epochs", "1"])
    assert (RUN / "best.ckpt").is_file()


def test_a_precision_of_too_small_a_range_is_told(in_folder):
    with pytest.raises(UserError, match="the precision 16-true has too small a range"):
        train([*SMALL, "--trainer.precision", "16-true", "--model.lr", "1"])


def test_steps_and_no_end_have_a_schedule(in_folder):
    endless = ["--trainer.max_epochs", "-1", "--model.warmup_epochs", "1"]
    steps = train([*SMALL, *endless, "--name", "steps", "--trainer.max_steps", "8"])
    rates = steps.trainer.lr_scheduler_configs[0].scheduler.lr_lambdas[0]
    assert [rates(step) for step in (0, 1, 2, 5, 8)] == pytest.approx([0.5, 1, 1, 0.5, 0])  # 2 steps an epoch
    time = train([*SMALL, *endless, "--name", "time", "--trainer.callbacks+", "tests.cli.test_train_faults.Leave"])
    assert time.trainer.lr_scheduler_configs[0].scheduler.lr_lambdas[0](10**6) == 1


def test_what_lightning_saves_after_an_error_is_not_continued_unasked(in_folder):
    Path("careful.yaml").write_text(
        "trainer:\n  callbacks:\n  - class_path: OnExceptionCheckpoint\n    init_args: {dirpath: saved}\n"
    )
    careful = [*SMALL, "--config", "careful.yaml"]
    train([*careful, "--trainer.max_epochs", "1"])
    before = content(RUN)
    with pytest.raises(
        UserError, match=r"would resume from checkpoints/shapes/last.ckpt instead of starting a new run"
    ):
        train([*careful, "--overwrite", "true"])
    assert content(RUN) == before


class Terminate(pl.Callback):
    """Sends the process what a cluster sends."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == (1, 0):
            os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_gives_the_shells_code_and_the_command_that_goes_on(in_folder):
    script = str(ROOT / "train.py")
    stopping = ["--trainer.callbacks+", "tests.cli.test_train_faults.Terminate"]
    codes, _, printed = forked(train_command, [script, *SMALL, *stopping])
    assert codes == [128 + signal.SIGTERM], printed
    (told,) = [line for line in printed.splitlines() if "resume with" in line]
    assert told.startswith(f"stopped by SIGTERM; resume with: python {shlex.quote(script)} --config shapes.yaml")
    assert read("last.ckpt")["global_step"] == 3
    again = shlex.split(told.partition("train.py ")[2])
    assert again == [*SMALL, *stopping, "--ckpt_path", "last"]
    train([*SMALL, "--ckpt_path", "last"])
    train([*SMALL, "--name", "whole"])
    assert_same(Path("checkpoints/whole"), RUN)


def test_a_signal_before_the_training_begins_leaves_nothing(in_folder, monkeypatch, caplog):
    from lit_invariance.data import kinds

    @functools.wraps(kinds.load_shapes)
    def loading(*_, **__):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(kinds, "load_shapes", loading)
    with pytest.raises(Stopped) as left:
        train(SMALL)
    assert left.value.code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM before the training began" in caplog.text
    assert not list(in_folder.iterdir())


def _shorter(checkpoint):
    for state in checkpoint["optimizer_states"][0]["state"].values():
        state.update({name: torch.zeros(7) for name, value in state.items() if value.ndim})


DAMAGES = {
    "no optimiser": (lambda c: c.update(optimizer_states=[]), "it has 0 optimizer_states, not 1"),
    "an empty optimiser": (lambda c: c["optimizer_states"][0].clear(), "KeyError: 'param_groups'"),
    "an optimiser of other shapes": (_shorter, r"its optimiser's exp_avg has shape \(7,\), not"),
    "a rate that is text": (
        lambda c: [group.update(lr="x") for group in c["optimizer_states"][0]["param_groups"]],
        "its optimiser's lr is 'x'",
    ),
    "no schedule": (lambda c: c.update(lr_schedulers=[]), "it has 0 lr_schedulers, not 1"),
    "a schedule at no step": (lambda c: c["lr_schedulers"][0].update(last_epoch="x"), "at no step"),
    "no loops": (lambda c: c.pop("loops"), "its loops do not say how far it came"),
    "loops without counts": (
        lambda c: c["loops"]["fit_loop"]["epoch_progress"]["current"].update(completed=-5),
        "its loops do not say how far it came",
    ),
    "callbacks without states": (lambda c: c.update(callbacks=dict.fromkeys(c["callbacks"], 3)), "TypeError"),
    "a weight less": (lambda c: c["state_dict"].pop("backbone.conv1.weight"), "Missing key"),
    "no version": (lambda c: c.pop("pytorch-lightning_version"), "KeyError: 'pytorch-lightning_version'"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The checkpoint of a training of one epoch."""
    folder = tmp_path_factory.mktemp("trained")
    with contextlib.chdir(folder):
        train([*SMALL, "--trainer.max_epochs", "1"])
    return folder / RUN / "last.ckpt"


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
@pytest.mark.parametrize("name", DAMAGES)
def test_a_checkpoint_without_a_training_is_one_sentence(name, trained, in_folder):
    damage, told = DAMAGES[name]
    checkpoint = torch.load(trained, weights_only=True)
    damage(checkpoint)
    torch.save(checkpoint, "damaged.ckpt")
    with pytest.raises(UserError, match=f"(?s)'damaged.ckpt' holds no training that can go on: .*{told}"):
        train([*SMALL, "--ckpt_path", "damaged.ckpt"])
    assert [path.name for path in in_folder.iterdir()] == ["damaged.ckpt"]


def test_a_run_that_cannot_go_on_keeps_its_curves(in_folder):
    train([*SMALL, "--trainer.max_epochs", "1"])
    checkpoint = read("last.ckpt")
    checkpoint.pop("pytorch-lightning_version")
    torch.save(checkpoint, RUN / "last.ckpt")
    before = content(in_folder)
    with pytest.raises(UserError, match="holds no training that can go on"):
        train([*SMALL, "--ckpt_path", "last"])
    assert content(in_folder) == before


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`", "ignore:.*does not have many workers")
def test_an_error_after_the_training_went_on_is_passed_on(trained, in_folder):
    class Failing(pl.Callback):
        def on_train_start(self, trainer, pl_module):
            raise KeyError("of the user's callback")

    restored = Restored(str(trained))
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "max_epochs": 2}
    trainer = pl.Trainer(callbacks=[restored, Failing()], accelerator="cpu", enable_model_summary=False, **quiet)
    checkpoint = torch.load(trained, weights_only=True)
    data = InvarianceData(**checkpoint["datamodule_hyper_parameters"])
    with pytest.raises(KeyError, match="of the user's callback"), restored.in_one_sentence():
        trainer.fit(LitClassifier(**checkpoint["hyper_parameters"]), data, ckpt_path=trained, weights_only=True)
