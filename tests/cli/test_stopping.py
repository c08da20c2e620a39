"""A training that a signal stopped, and that is resumed, ends bitwise where an undisturbed one does."""

import os
import signal

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EMAWeightAveraging

from lit_invariance.cli.signals import Stopped, stop_requests
from lit_invariance.cli.stopping import Stopping
from tests.training.test_resuming import assert_same, run


class Signal(pl.Callback):
    """Sends this process a signal when a hook is called for the n-th time after the sanity check."""

    def __init__(self, hook, call, number=signal.SIGTERM):
        self.left, self.number = call, number
        setattr(self, hook, self.count)

    def count(self, trainer, *_):
        if not trainer.sanity_checking:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.number)


def stopped(folder, *callbacks, **options):
    with stop_requests() as request, pytest.raises(Stopped) as left:
        run(
            folder,
            *callbacks,
            Stopping(request, folder / "last.ckpt", "resume with", lambda: True, requeue=False),
            **options,
        )
    return left.value.code


# Five training batches and two of validation an epoch: the hook, the call, and the steps that are in the checkpoint.
MOMENTS = {
    "within an epoch": ("on_train_batch_end", 7, 7),
    "after an epoch's last batch": ("on_train_batch_end", 10, 10),
    "within a validation": ("on_validation_batch_start", 3, 10),
    "at a validation's end": ("on_validation_epoch_end", 2, 10),
    "in the first batch": ("on_train_batch_end", 1, 1),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folders = {name: tmp_path_factory.mktemp(name) for name in ("plain", "average")}
    run(folders["plain"])
    run(folders["average"], EMAWeightAveraging(decay=0.9))
    return folders


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_stopped_training_goes_on_bitwise(tmp_path, whole, moment):
    hook, call, steps = MOMENTS[moment]
    assert stopped(tmp_path, Signal(hook, call)) == 128 + signal.SIGTERM
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == steps
    run(tmp_path, resume=tmp_path / "last.ckpt")
    assert_same(whole["plain"], tmp_path)


def test_an_average_that_validates_is_not_taken_for_the_network(tmp_path, whole):
    code = stopped(tmp_path, EMAWeightAveraging(decay=0.9), Signal("on_validation_batch_start", 3, signal.SIGINT))
    assert code == 128 + signal.SIGINT
    run(tmp_path, EMAWeightAveraging(decay=0.9), resume=tmp_path / "last.ckpt")
    assert_same(whole["average"], tmp_path)


def test_gradients_are_complete_before_it_stops(tmp_path):
    options = {"accumulate_grad_batches": 2}
    run(tmp_path / "whole", **options)
    stopped(tmp_path / "parts", Signal("on_train_batch_end", 8), **options)  # the third of the second epoch
    run(tmp_path / "parts", resume=tmp_path / "parts" / "last.ckpt", **options)
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_a_network_that_is_no_longer_finite_replaces_no_checkpoint(tmp_path):
    class Diverging(Signal):
        def count(self, trainer, *_):
            super().count(trainer)
            if self.left == 0:
                next(trainer.model.parameters()).data.fill_(float("nan"))

    stopped(tmp_path, Diverging("on_train_batch_end", 7))
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 5


@pytest.mark.parametrize(("requeue", "told"), [(True, ""), (False, "add --ckpt_path auto to it")])
def test_a_slurm_job_is_requeued_where_its_command_goes_on(tmp_path, monkeypatch, caplog, requeue, told):
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{scontrol.parent}:{os.environ['PATH']}")
    for name, value in {"NTASKS": "1", "JOB_ID": "42", "JOB_NAME": "job", "PROCID": "0", "LOCALID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    signals = Signal("on_train_batch_end", 2, signal.SIGUSR1)
    before = signal.getsignal(signal.SIGUSR1)
    with stop_requests() as request, pytest.raises(Stopped) as left:
        run(tmp_path, signals, Stopping(request, tmp_path / "last.ckpt", "resume with", lambda: True, requeue))
    assert left.value.code == 128 + signal.SIGUSR1
    assert (tmp_path / "asked").exists() == requeue
    if requeue:
        assert (tmp_path / "asked").read_text() == "requeue 42\n"
    assert told in caplog.text
    assert not list(tmp_path.glob("hpc_ckpt*"))
    assert signal.getsignal(signal.SIGUSR1) is before
