import random
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_invariance.protocols import generator_for
from lit_invariance.training import probe_pictures
from lit_invariance.training.answers import answers
from lit_invariance.training.hyperparameters import Hyperparameters
from lit_invariance.training.probe import views_picture
from lit_invariance.training.probe_pictures import ProbePictures
from lit_invariance.training.rates import LearningRate, Throughput
from tests.training.test_classifier import QUIET, classifier, shapes

OURS = ("train/images_per_second", "train/lr")


def train(folder, chosen, epochs=2, module=None, **options):
    pl.seed_everything(1, verbose=False)
    module = module or classifier(invariance_images=8, mitigations=[{"blurpool": {"taps": 3}}], lr=0.05)
    logger = TensorBoardLogger(folder, name="run", version="", default_hp_metric=False)
    settings = QUIET | {"logger": logger, "log_every_n_steps": 1, "max_epochs": epochs} | options
    trainer = pl.Trainer(callbacks=chosen, **settings)
    trainer.fit(module, shapes())
    return trainer, module


def events(folder):
    read = EventAccumulator(str(folder / "run"), size_guidance={"images": 0})
    read.Reload()
    return read


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr(probe_pictures, "SHARE", 1e9)


def test_pictures_are_there_at_the_right_epochs(tmp_path, always):
    train(tmp_path, [ProbePictures(every=2)], epochs=4)
    read = events(tmp_path)
    for tag in ("views/pictures", "views/probability_against_shift"):
        assert [image.step for image in read.Images(tag)] == [5, 15, 20]  # epochs 0 and 2 of 5 batches each, the end
        assert all(len(image.encoded_image_string) > 1000 for image in read.Images(tag))
    assert read.Images("views/pictures")[0].height == 8 * 146


def test_a_trainer_that_validates_at_some_epochs_only(tmp_path, always):
    """Validations after epochs 2, 4, 6 and 8 of five batches each."""
    train(tmp_path, [ProbePictures(every=4)], epochs=8, check_val_every_n_epoch=2)
    assert [image.step for image in events(tmp_path).Images("views/pictures")] == [10, 30, 40]


def test_the_last_epoch_is_not_drawn_twice(tmp_path, always):
    train(tmp_path, [ProbePictures(every=1)], epochs=2)
    assert [image.step for image in events(tmp_path).Images("views/pictures")] == [5, 10]


def test_short_epochs_are_passed_over_but_the_last(tmp_path, monkeypatch):
    """A clock of one second a look: a fifth of a second is more than 2 % of eight, less than that of sixteen."""
    now = [0.0]
    monkeypatch.setattr(probe_pictures.time, "monotonic", lambda: now[0])
    drawing = ProbePictures(every=1)
    drawn = []
    monkeypatch.setattr(drawing, "_draw", lambda trainer, module: drawn.append(now[0]))

    class Epoch(pl.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            now[0] += 8.0

    train(tmp_path, [Epoch(), drawing], epochs=4)
    assert drawn == [16.0, 24.0, 32.0, 32.0]  # nothing was recorded as drawn, so the end is drawn again


def test_views_and_answers_are_those_of_the_model(tmp_path, always):
    drawing = ProbePictures()
    trainer, module = train(tmp_path, [drawing])
    views, labels = drawing._probe
    images = trainer.datamodule.validation_images()
    positions = [number * 30 // 8 for number in range(8)]
    assert labels.tolist() == [images[position][1] for position in positions]
    for stack, position in zip(views, positions, strict=True):
        expected = module.protocol(images[position][0], generator_for(0, "crop", position))
        torch.testing.assert_close(stack, expected)
    module.eval()
    torch.testing.assert_close(answers(trainer, module, views), torch.stack([module(stack) for stack in views]))


def test_nothing_changes_a_number(tmp_path, always):
    """Weights, metrics and the state of every random generator after training, with and without the callbacks."""
    found = []
    for name, chosen in (
        ("without", []),
        ("with", [LearningRate(), Throughput(), ProbePictures(every=1), Hyperparameters()]),
    ):
        trainer, module = train(tmp_path / name, chosen, epochs=3)
        rates = {key: value for key, value in trainer.callback_metrics.items() if key not in OURS}
        states = torch.get_rng_state(), np.random.get_state()[1], random.getstate()
        found.append((module.state_dict(), rates, states))
    (weights, rates, states), (others, other_rates, other_states) = found
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert rates.keys() == other_rates.keys()
    assert all(torch.equal(rates[name], other_rates[name]) for name in rates)
    assert torch.equal(states[0], other_states[0])
    assert np.array_equal(states[1], other_states[1])
    assert states[2] == other_states[2]


def test_the_mode_of_every_layer_is_left_alone(tmp_path):
    trainer, module = train(tmp_path, [])
    module.train()
    frozen = [layer for layer in module.modules() if isinstance(layer, torch.nn.BatchNorm2d)][:2]
    for layer in frozen:
        layer.eval()
    before = [layer.training for layer in module.modules()]
    answers(trainer, module, torch.rand(2, 2, 3, 32, 32))
    assert [layer.training for layer in module.modules()] == before
    assert not frozen[0].training
    assert module.training


def test_without_a_logger_nothing_happens(tmp_path, always):
    train(tmp_path, [Throughput(), ProbePictures(), Hyperparameters()], logger=False)
    train(tmp_path, [Throughput(), ProbePictures(), Hyperparameters()], fast_dev_run=True)
    assert list(Path(tmp_path).rglob("events*")) == []


def test_captions_say_what_was_answered():
    views = torch.ones(2, 9, 3, 20, 20)
    probabilities = torch.zeros(2, 9, 3)
    probabilities[0, :, 1], probabilities[1, :, 2] = 0.7, 0.6
    picture = views_picture(views, probabilities, torch.tensor([1, 0]), ["cat", "dog", "x" * 60])
    assert picture.shape == (2 * 146, 4 * 116, 3)
    rows = picture[:146], picture[146:]
    # The first is right and written in green, the second wrong and in red.
    darkest = [row.reshape(-1, 3)[row.sum(-1).argmin()] for row in rows]
    assert darkest[0].argmax() == 1
    assert darkest[1].argmax() == 0
