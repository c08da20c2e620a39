import logging

import pytest
import pytorch_lightning as pl

from lit_invariance.training.rising_loss import RisingLoss
from tests.training.foreign import QUIET as ALL
from tests.training.foreign import Foreign, loader
from tests.training.test_classifier import classifier

QUIET = ALL | {"limit_val_batches": 0}


class Scripted(Foreign):
    """Its loss is the same in all steps of an epoch, as written beforehand."""

    def __init__(self, losses):
        super().__init__()
        self.losses = losses

    def training_step(self, batch, batch_idx):
        return self.losses[self.trainer.current_epoch] + 0 * self.net[3].weight.sum()


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


def test_a_training_that_goes_on_remembers_the_first_epoch(in_folder, caplog):
    losses = [1.0, 2.0, 3.0]
    first = pl.Trainer(max_epochs=2, callbacks=[RisingLoss()], **QUIET)
    first.fit(Scripted(losses), loader(), loader())
    first.save_checkpoint("last.ckpt")
    with caplog.at_level(logging.INFO):
        again = pl.Trainer(max_epochs=3, callbacks=[RisingLoss()], **QUIET)
        again.fit(Scripted(losses), loader(), loader(), ckpt_path="last.ckpt", weights_only=True)
    assert "(1) for 2 epochs and is 3;" in caplog.text


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
