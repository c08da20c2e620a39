import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from tests.training.test_classifier import QUIET, classifier, shapes


@pytest.mark.parametrize("mitigations", [["blurpool"], ["polyphase", "circular_padding"]])
def test_surgery_outlives_the_conversion_for_sync_batchnorm(mitigations):
    """ShuffleNet filters behind batch-norm layers, because no activation follows its strided convolutions."""

    def module():
        options = {"mitigations": mitigations, "freeze_batch_norm": True, "lr": 0.0, "invariance_images": 0}
        made = classifier(backbone="torchvision/shufflenet_v2_x0_5", **options)
        for parameter in made.backbone.parameters():
            nn.init.normal_(parameter, std=0.3)
        return made

    images = torch.rand(2, 3, 32, 32)
    torch.manual_seed(0)
    expected = module().eval()(images)
    torch.manual_seed(0)
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(module())
    lost = converted.eval()(images)
    assert not torch.allclose(lost, expected, rtol=1e-2)
    settings = {"max_steps": 1, "limit_val_batches": 0, "log_every_n_steps": 1, **QUIET}
    pl.Trainer(**settings).fit(converted, shapes())
    torch.testing.assert_close(converted.eval()(images), expected)
