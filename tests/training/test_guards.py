import logging
import math

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from lit_invariance.mitigations import reestimate_batch_norm
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.training.stale_statistics import misfit
from tests.training.test_classifier import QUIET, classifier, shapes


@pytest.fixture
def warnings_of(caplog):
    """A function: the warnings of a training without a gradient."""

    def listen(module, val_images=30, **options):
        caplog.clear()
        settings = {"max_epochs": 1, "num_sanity_val_steps": 0, "log_every_n_steps": 1, **QUIET, **options}
        data = few(val_images)
        with caplog.at_level(logging.INFO):
            pl.Trainer(**settings).fit(module, data)
        told = [record.getMessage() for record in caplog.records]
        return [message for message in told if message.startswith("warning")]

    return listen


def few(val_images=30):
    """Eight pictures to train on, in one batch."""
    data = shapes()
    data.hparams["shapes"] = {"train_images": 8, "val_images": val_images}
    return data


def constant(**options):
    """A classifier that always names the first class and cannot learn."""
    module = classifier(lr=0.0, invariance_images=0, **options)
    nn.init.zeros_(module.backbone.fc.weight)
    return module


class Knowing(LitClassifier):
    """A classifier that is always right, and that always names the first class, in turns."""

    def validation_step(self, batch, batch_idx):
        answers = batch.labels * (self.trainer.current_epoch % 2)
        self.val_accuracy.update(nn.functional.one_hot(answers, 10).float()[:, None], batch.labels)
        self.val_loss.update(torch.zeros(len(answers), 1, 10), batch.labels)


def test_few_validation_pictures(warnings_of):
    (told,) = warnings_of(constant(), val_images=6)
    assert told.startswith("warning: 6 validation images move val/acc in steps of 0.167")
    assert "--data.val_fraction" in told
    (told,) = warnings_of(constant(), val_images=50, limit_val_batches=2)
    assert told.startswith("warning: 14 validation images")
    assert not warnings_of(constant(), val_images=6, limit_val_batches=0)


def test_a_constant_answer_is_at_chance_from_the_second_validation_on(warnings_of):
    assert not warnings_of(constant(), val_images=50)
    (told,) = warnings_of(constant(), val_images=50, max_epochs=3)
    assert "at chance" in told
    labels = [label for _, label, _ in few(50).validation_images()]
    most = max(labels.count(label) for label in set(labels)) / 50
    assert f"always naming the most frequent class gives {most:.3f}" in told


def test_one_validation_at_chance_is_no_reason(warnings_of):
    settings = {"num_classes": 10, "image_size": 32, "lr": 0.0, "invariance_images": 0}
    assert not warnings_of(Knowing("tiny_resnet", **settings), val_images=50, max_epochs=4)


@pytest.fixture
def weights(tmp_path):
    """A function that writes weights whose kept variances are those of the training pictures, times a factor."""

    def write(factor):
        module = classifier()
        batches = [batch["image"] for batch in few().train_dataloader()]
        reestimate_batch_norm(module.backbone, map(module.normalise, batches))
        for name, value in module.backbone.state_dict().items():
            if name.endswith("running_var"):
                value *= factor
        torch.save(module.backbone.state_dict(), tmp_path / f"{factor}.pth")
        return str(tmp_path / f"{factor}.pth")

    return write


def test_statistics_that_do_not_fit(weights, warnings_of):
    settings = {"lr": 0.0, "invariance_images": 0}
    options = {"limit_val_batches": 0}
    assert not warnings_of(classifier(weights=weights(1), **settings), **options)
    (told,) = warnings_of(classifier(weights=weights(9), **settings), **options)
    assert "batch-norm statistics of the weights do not fit" in told
    assert "set --model.reestimate_batch_norm 1000" in told
    assert not warnings_of(classifier(weights=weights(9), reestimate_batch_norm=8, **settings), **options)
    assert not warnings_of(classifier(**settings), **options)  # there are no trained statistics


def test_misfit_by_hand():
    found = [(torch.tensor([2.0, 2.0]), torch.tensor([1.0, 0.5])), (torch.ones(3), torch.ones(3))]
    assert misfit(found) == pytest.approx(0.75 * math.log(2))
    assert misfit([(torch.tensor([2.0, 0.5]), torch.ones(2))]) == 0
