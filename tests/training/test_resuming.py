"""A training that is stopped and goes on ends bitwise where an undisturbed one does."""

import warnings

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EMAWeightAveraging, ModelCheckpoint

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.experiments.reliability.stopped_trainings import same
from lit_invariance.training.checkpoint_files import Best, Last, RunIdentity, WholeCheckpoints, identity_of
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.training.loop_counters import Counters
from lit_invariance.training.progress import EpochLines
from lit_invariance.training.step_seeds import StepSeeds

EPOCHS = 3


class PowerCut(Exception):
    """What ends a training between two lines of its code."""


class Cut(pl.Callback):
    """Ends the training before a step is taken or, with `step` None, when an epoch is over."""

    def __init__(self, epoch, step=None):
        self.epoch, self.step = epoch, step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == (self.epoch, self.step):
            raise PowerCut

    def on_train_epoch_start(self, trainer, pl_module):
        if self.step is None and trainer.current_epoch == self.epoch + 1:
            raise PowerCut


class Noisy(LitClassifier):
    """A classifier whose every step draws from PyTorch's generator, as dropout does."""

    def _classify(self, images):
        return super()._classify(torch.nn.functional.dropout(images.float() / 255, 0.2, self.training) * 0.8)


def run(folder, *callbacks, model=None, data=None, kind=LitClassifier, resume=None, **trainer):
    pl.seed_everything(3, verbose=False)
    options = {"optimizer": "adamw", "lr": 0.01, "warmup_epochs": 1, "invariance_images": 0}
    module = kind("tiny_resnet", num_classes=10, image_size=16, **options | (model or {}))
    shapes = {"train_images": 40, "val_images": 12}
    images = InvarianceData(**{"image_size": 16, "batch_size": 8, "shapes": shapes, "num_workers": 0} | (data or {}))
    settings = {"max_epochs": EPOCHS, "accelerator": "cpu", "logger": False, "enable_progress_bar": False}
    settings |= {"enable_model_summary": False, "plugins": [WholeCheckpoints()], "num_sanity_val_steps": 1}
    own = [StepSeeds(), EpochLines(), Counters(), RunIdentity(), Best(folder), Last(folder)]
    trained = pl.Trainer(callbacks=[*callbacks, *own], **settings | trainer)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*(exists and is not empty|many workers)")
        trained.fit(module, images, ckpt_path=resume, weights_only=True)
    return trained


TRAINED = ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch")
AVERAGED = ("current_model_state", "averaging_state")


def assert_same(one, other, names=("last.ckpt", "best.ckpt")):
    for name in names:
        first, second = (torch.load(folder / name, weights_only=True) for folder in (one, other))
        for part in (*TRAINED, *(part for part in AVERAGED if part in first)):
            assert same(first[part], second[part]), (name, part)
        scores = [content["callbacks"][key]["best_model_score"] for content in (first, second)
                  for key in content["callbacks"] if key.startswith("Best")]  # fmt: skip
        assert scores[0] == scores[1]


@pytest.fixture
def teacher(tmp_path):
    torch.manual_seed(5)
    path = tmp_path / "teacher.pth"
    torch.save(LitClassifier("tiny_resnet", num_classes=10).backbone.state_dict(), path)
    return str(path)


WINDOW = {"kind": "pad", "pixels": 3}
CASES = {
    "plain": {},
    "dropout": {"kind": Noisy},
    "crop": {"data": {"translation": {"kind": "crop"}}},
    "pad": {"data": {"translation": WINDOW}},
    "affine": {"data": {"translation": {"kind": "affine", "scale": [0.9, 1.1]}}},
    "any_of": {"data": {"translation": {"kind": "any_of", "of": [WINDOW, {"kind": "crop"}]}}},
    "ema": {"average": True},
    "consistency": {"model": {"mitigations": [{"consistency": {"shift": 2}}]}},
    "distillation": {"model": {"mitigations": ["blurpool", {"distillation": {"shift": 2}}]}, "teach": True},
    "statistics": {"model": {"reestimate_batch_norm": 16, "freeze_batch_norm": True}},
    "steps": {"max_epochs": -1, "max_steps": 5 * EPOCHS},
}


def prepared(case, teacher):
    options = dict(CASES[case])
    callbacks = [lambda: EMAWeightAveraging(decay=0.9)] if options.pop("average", False) else []
    if options.pop("teach", False):
        options["model"] = {**options["model"], "weights": teacher}
    return callbacks, options


@pytest.mark.parametrize("case", CASES)
def test_resuming_at_an_epochs_end_equals_not_stopping(tmp_path, case, teacher):
    averaging, options = prepared(case, teacher)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole, *(make() for make in averaging), **options)
    with pytest.raises(PowerCut):
        run(parts, *(make() for make in averaging), Cut(epoch=0), **options)
    assert torch.load(parts / "last.ckpt", weights_only=True)["global_step"] == 5
    run(parts, *(make() for make in averaging), resume=parts / "last.ckpt", **options)
    assert_same(whole, parts)


@pytest.mark.parametrize("case", ["pad", "dropout", "ema"])
def test_resuming_within_an_epoch_equals_not_stopping(tmp_path, case, teacher):
    """From a checkpoint that a callback of the user's wrote after the third of five batches."""
    averaging, options = prepared(case, teacher)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole, *(make() for make in averaging), **options)

    def often():
        return ModelCheckpoint(parts, filename="batches", every_n_train_steps=4, enable_version_counter=False)

    with pytest.raises(PowerCut):
        run(parts, *(make() for make in averaging), often(), Cut(epoch=1, step=4), **options)
    stopped = torch.load(parts / "batches.ckpt", weights_only=True)
    assert (stopped["epoch"], stopped["global_step"]) == (1, 8)
    run(parts, *(make() for make in averaging), often(), resume=parts / "batches.ckpt", **options)
    assert_same(whole, parts)


def test_the_number_of_workers_changes_nothing(tmp_path):
    """Resumed as well, by a run whose workers begin before Lightning knows the epoch."""
    options = {"data": {"translation": WINDOW}}
    run(tmp_path / "whole", **options)
    with pytest.raises(PowerCut):
        run(tmp_path / "parts", Cut(epoch=0), **options)
    with_workers = {"data": options["data"] | {"num_workers": 2}}
    run(tmp_path / "parts", resume=tmp_path / "parts" / "last.ckpt", **with_workers)
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_another_seed_is_another_training_and_a_resumed_one_keeps_its_own(tmp_path, monkeypatch):
    run(tmp_path / "whole")
    with pytest.raises(PowerCut):
        run(tmp_path / "parts", Cut(epoch=0))
    seed = pl.seed_everything
    monkeypatch.setattr(pl, "seed_everything", lambda number, verbose: seed(number + 1, verbose=verbose))
    run(tmp_path / "parts", resume=tmp_path / "parts" / "last.ckpt")
    assert_same(tmp_path / "whole", tmp_path / "parts")
    run(tmp_path / "other")
    first, second = (torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("whole", "other"))
    assert not same(first["state_dict"], second["state_dict"])
    assert identity_of(first) != identity_of(second)
