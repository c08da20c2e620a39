import logging

import pytest
import pytorch_lightning as pl

from lit_invariance.training.rising_loss import RisingLoss
from tests.training.foreign import QUIET as ALL
from tests.training.foreign import Foreign, loader
from tests.training.test_classifier import classifier

QUIET = ALL | {"limit_val_batches": 0}


class Scripted(Foreign):
    """Its mean loss over an epoch is as written beforehand; steps lie above and below it in turn."""

    def __init__(self, losses, scatter=0.0):
        super().__init__()
        self.losses, self.scatter = losses, scatter

    def training_step(self, batch, batch_idx):
        apart = self.scatter * (-1) ** batch_idx
        return self.losses[self.trainer.current_epoch] + apart + 0 * self.net[3].weight.sum()


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0], ["(1) for 2 epochs and is 3;"]),
        ([1.0, 2.0, 1.0, 2.0, 0.5], []),
        ([3.0, 2.0, 1.0, 2.0, 2.9], []),
        ([1.0, 2.0, 2.0, 0.5, 1.5, 1.25], ["(1) for 2 epochs and is 2;", "(1) for 2 epochs and is 1.25;"]),
    ],
)
def test_two_epochs_above_the_first_are_told(losses, said, caplog):
    with caplog.at_level(logging.INFO):
        pl.Trainer(max_epochs=len(losses), callbacks=[RisingLoss()], **QUIET).fit(Scripted(losses), loader(), loader())
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("warning: the training")]
    assert len(told) == len(said)
    assert all(part in message for part, message in zip(said, told, strict=True))


@pytest.mark.parametrize(("scatter", "told"), [(0.29, True), (0.31, False)])
def test_the_scatter_of_steps_may_explain_it(scatter, told, caplog):
    """A mean of ten steps has a standard error of scatter / 3; twice that of two such means is .283 for .3."""
    with caplog.at_level(logging.INFO):
        pl.Trainer(max_epochs=3, callbacks=[RisingLoss()], limit_train_batches=10, **QUIET).fit(
            Scripted([1.0, 1.283, 1.283], scatter), loader(batch_size=2), loader()
        )
    assert ("for 2 epochs and is 1.283" in caplog.text) == told


def test_a_training_that_goes_on_remembers_the_first_epoch(in_folder, caplog):
    losses = [1.0, 2.0, 3.0]
    first = pl.Trainer(max_epochs=2, callbacks=[RisingLoss()], **QUIET)
    first.fit(Scripted(losses), loader(), loader())
    first.save_checkpoint("last.ckpt")
    with caplog.at_level(logging.INFO):
        again = pl.Trainer(max_epochs=3, callbacks=[RisingLoss()], **QUIET)
        again.fit(Scripted(losses), loader(), loader(), ckpt_path="last.ckpt", weights_only=True)
    assert "(1) for 2 epochs and is 3;" in caplog.text


def test_checkpoints_of_earlier_versions_are_taken():
    callback = RisingLoss()
    callback.load_state_dict({"first": 1.5, "above": 1})
    assert callback.state_dict() == {"first": 1.5, "first_error": 0.0, "above": 1}


def test_the_classifier_has_it_and_the_other_guards():
    trainer = pl.Trainer(**QUIET)
    module = classifier()
    module.trainer = trainer
    assert [type(callback).__name__ for callback in module.configure_callbacks()] == [
        "FewPictures",
        "StaleStatistics",
        "RisingLoss",
        "AtChance",
        "FoldedValidation",
        "InvarianceCallback",
    ]
