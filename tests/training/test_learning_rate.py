import logging

import pytest
import pytorch_lightning as pl

from lit_invariance.training.learning_rate import TrueBatch, about_rate, scaled
from tests.training.test_classifier import QUIET, classifier, shapes

WITHOUT = QUIET | {"limit_val_batches": 0, "log_every_n_steps": 1}


def rates(module, data, resume=None, **options):
    """The learning rates of all steps by group."""
    seen = []

    class Watch(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            seen.append({group["name"]: group["lr"] for group in trainer.optimizers[0].param_groups})

    trainer = pl.Trainer(callbacks=[Watch()], **WITHOUT | options)
    trainer.fit(module, data, ckpt_path=resume, weights_only=None if resume is None else True)
    return trainer, seen


@pytest.mark.parametrize(
    ("optimizer", "passes", "head", "backbone"),
    [
        ("sgd", 1, 0.32 * 8 / 256, 0.16 * 8 / 256),
        ("sgd", 2, 0.32 * 16 / 256, 0.16 * 16 / 256),
        ("adamw", 2, 0.32 / 4, 0.16 / 4),
    ],
)
def test_the_rate_follows_the_batch(optimizer, passes, head, backbone):
    module = classifier(optimizer=optimizer, lr=0.32, backbone_lr=0.16, lr_scaling=True)
    _, seen = rates(module, shapes(), max_steps=1, accumulate_grad_batches=passes)
    assert seen[0]["head"] == pytest.approx(head)
    assert seen[0]["backbone"] == pytest.approx(backbone)


def test_it_can_be_turned_off():
    _, seen = rates(classifier(lr=0.32, lr_scaling=False), shapes(), max_steps=1)
    assert seen[0]["head"] == 0.32


def test_a_set_smaller_than_a_batch_counts_as_it_is():
    data = shapes()
    data.hparams["batch_size"] = 64
    _, seen = rates(classifier(lr=0.32, lr_scaling=True), data, max_steps=1)
    assert seen[0]["head"] == pytest.approx(0.32 * 40 / 256)


def test_a_training_that_goes_on_keeps_its_rate_and_says_so(in_folder, caplog):
    trainer, _ = rates(classifier(lr=0.32, lr_scaling=True), shapes(), max_epochs=1)
    trainer.save_checkpoint("last.ckpt")
    other = shapes()
    other.hparams["batch_size"] = 40
    with caplog.at_level(logging.INFO):
        _, seen = rates(classifier(lr=0.32, lr_scaling=True), other, "last.ckpt", max_epochs=3)
    assert seen[0]["head"] <= 0.01
    assert "learning rate: 0.01 at batch 40; kept from the start of the training" in caplog.text
    assert "0.2 times what this batch asks for, and the training may hardly move" in caplog.text


def test_the_batch_says_where_it_comes_from():
    assert str(TrueBatch(32)) == "32"
    assert str(TrueBatch(32, processes=8)) == "256 (32 x 8 processes)"
    assert str(TrueBatch(32, 2, 4)) == "256 (32 x 2 processes x 4 passes)"


def test_what_is_told():
    batch = TrueBatch(32)
    told = about_rate(0.01, "sgd", batch, True, scaled(0.01, "sgd", batch))
    assert told.startswith(
        "learning rate: 0.00125 at batch 32; model.lr 0.01 is for 256 images and is scaled in proportion"
    )
    assert "warning" not in told
    assert "warning: if model.lr was chosen for 256 images, it is 8 times" in about_rate(
        0.01, "sgd", batch, False, 0.01
    )
    assert "may diverge" in about_rate(0.01, "sgd", batch, False, 0.01)
    assert "warning" not in about_rate(0.01, "sgd", TrueBatch(160), False, 0.01)
    assert "warning" not in about_rate(0.0, "adamw", batch, False, 0.0)
