import pytorch_lightning as pl
import torch
from torch import nn

from tests.training.test_classifier import QUIET, classifier, shapes


def test_surgery_outlives_the_conversion_for_sync_batchnorm():
    """ShuffleNet filters behind batch-norm layers, because no activation follows its strided convolutions."""

    def module():
        options = {"mitigations": ["blurpool"], "freeze_batch_norm": True, "lr": 0.0, "invariance_images": 0}
        return classifier(backbone="torchvision/shufflenet_v2_x0_5", **options)

    images = torch.rand(2, 3, 32, 32)
    expected = module().eval()(images)
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(module())
    assert not torch.equal(converted.eval()(images), expected)
    settings = {"max_steps": 1, "limit_val_batches": 0, "log_every_n_steps": 1, **QUIET}
    pl.Trainer(**settings).fit(converted.train(), shapes())
    assert torch.equal(converted.eval()(images), expected)
