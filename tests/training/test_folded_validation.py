import threading

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EMAWeightAveraging

from lit_invariance.execution.folding import PassOn
from lit_invariance.training.folded_validation import FoldedValidation
from tests.training.test_classifier import QUIET, classifier, shapes


class Watch(Callback):
    """Compares what the module answers in validation with what its own network answers."""

    def __init__(self):
        self.folded, self.apart, self.after = [], [], []

    def on_validation_batch_end(self, trainer, module, outputs, batch, batch_idx, dataloader_idx=0):
        if trainer.sanity_checking:
            return
        images = torch.stack([image[:, :32, :32] for image in batch.images])
        network = module._folded.network
        self.folded.append(sum(isinstance(layer, PassOn) for layer in network.modules()))
        with torch.no_grad():
            expected = module.backbone(module.normalise(images))
        self.apart.append(float((module(images) - expected).abs().max() / expected.abs().max()))

    def on_validation_end(self, trainer, module):
        self.after.append(module._folded.network)


def fit(watch, **options):
    module = classifier(invariance_images=4)
    callbacks = [watch, *options.pop("callbacks", [])]
    trainer = pl.Trainer(max_epochs=2, limit_train_batches=2, log_every_n_steps=1, callbacks=callbacks, **QUIET)
    trainer.fit(module, shapes())
    return module


@pytest.mark.parametrize("average", [False, True])
def test_a_validation_runs_the_folded_network_of_its_epoch(average):
    watch = Watch()
    module = fit(watch, callbacks=[EMAWeightAveraging(decay=0.5)] if average else [])
    norms = sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in module.modules())
    assert set(watch.folded) == {norms}
    assert max(watch.apart) < 1e-5
    assert set(watch.after) == {None}
    assert not any(isinstance(layer, PassOn) for layer in module.modules())


class Broken(Watch):
    def on_validation_batch_end(self, trainer, module, *_):
        if not trainer.sanity_checking:
            assert module._folded.network is not None
            self.module = module
            raise RuntimeError("stop")


def test_a_validation_that_is_broken_off_leaves_no_copy():
    watch = Broken()
    with pytest.raises(RuntimeError, match="stop"):
        fit(watch)
    assert watch.module._folded.network is None


def test_a_network_that_cannot_be_copied_runs_as_it_is():
    module, callback = classifier(), FoldedValidation()
    module.backbone.lock = threading.Lock()
    callback.on_validation_batch_start(pl.Trainer(**QUIET), module.eval(), None, 0)
    assert callback.network is None
