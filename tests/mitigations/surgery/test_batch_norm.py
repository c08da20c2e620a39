import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from lit_invariance.mitigations import reestimate_batch_norm
from lit_invariance.models.small_resnet import SmallResNet
from tests.forks import forked_script


def test_one_layer_by_hand():
    batches = [torch.randn(8, 2, 3, 3) * 3 + 5, torch.randn(8, 2, 3, 3) - 1]
    layer = nn.BatchNorm2d(2).eval()
    reestimate_batch_norm(layer, batches)
    means = [batch.mean((0, 2, 3)) for batch in batches]
    variances = [batch.var((0, 2, 3)) for batch in batches]
    torch.testing.assert_close(layer.running_mean, (means[0] + means[1]) / 2)
    torch.testing.assert_close(layer.running_var, (variances[0] + variances[1]) / 2)


def test_a_whole_network_as_pytorch_does_it():
    network = SmallResNet(10, blocks=1, pool=True)
    expected = copy.deepcopy(network)
    batches = [torch.randn(4, 3, 16, 16) for _ in range(3)]
    reestimate_batch_norm(network, batches)
    update_bn(batches, expected)
    for key, value in expected.state_dict().items():
        torch.testing.assert_close(network.state_dict()[key], value, msg=key)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_and_everything_else_as_it_was(training):
    network = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(3, momentum=0.3), nn.Conv2d(3, 2, 1)).train(training)
    network[2].eval()
    weight, batch = network[2].weight.clone(), torch.randn(16, 3, 4, 4) + 2
    reestimate_batch_norm(network, [batch])
    torch.testing.assert_close(network[1].running_mean, batch.mean((0, 2, 3)))
    assert [layer.training for layer in network] == [training, training, False]
    assert network[1].momentum == 0.3
    assert torch.equal(network[2].weight, weight)


def test_no_batch_keeps_the_statistics():
    layer = nn.BatchNorm2d(2)
    layer.running_mean += 4
    reestimate_batch_norm(layer, [])
    assert layer.running_mean.tolist() == [4, 4]


TWO_PROCESSES = """
import sys
import pytorch_lightning as pl
import torch
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.data.datamodule import InvarianceData

class Note(pl.Callback):
    def on_train_epoch_start(self, trainer, module):
        torch.save(module.backbone.bn1.running_mean, f"{trainer.global_rank}.pt")

torch.manual_seed(int(__import__("os").environ.get("LOCAL_RANK", 0)))  # other pictures in each process
module = LitClassifier("tiny_resnet", num_classes=10, image_size=16, reestimate_batch_norm=8)
sizes = {"train_images": 32, "val_images": 4}
data = InvarianceData("shapes", image_size=16, batch_size=8, shapes=sizes, num_workers=0)
trainer = pl.Trainer(
    accelerator="cpu", devices=2, strategy="ddp", max_epochs=1, limit_train_batches=1, limit_val_batches=0,
    logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, callbacks=[Note()],
)
trainer.fit(module, data)
"""


def test_all_processes_begin_with_the_same_statistics(in_folder):
    """DistributedDataParallel itself would make them equal at the first step, so they are noted before it."""
    Path("train_twice.py").write_text(TWO_PROCESSES)
    codes, _, printed = forked_script(["train_twice.py"], ranks=2)
    assert codes == [0, 0], printed
    first, second = torch.load("0.pt"), torch.load("1.pt")
    assert first.abs().sum() > 0
    assert torch.equal(first, second)


def test_it_restores_what_surgery_broke(plain_weights, make_classifier, validation_shapes, steadiness):
    """BlurPool on trained parameters: accuracy .37 as it stands, .48 with new statistics, on every processor tried."""
    module = make_classifier(weights=plain_weights, mitigations=[{"blurpool": {"taps": 3}}])
    broken, _ = steadiness(module)
    reestimate_batch_norm(module.backbone, [module.normalise(validation_shapes[0][:, :, 2:34, 2:34])])
    restored, _ = steadiness(module)
    assert restored > broken + 0.05


def test_a_training_begins_with_new_statistics_and_keeps_them_frozen(plain_weights, make_classifier, train_classifier):
    options = {"weights": plain_weights, "mitigations": [{"blurpool": {"taps": 3}}], "lr": 0.0}
    before = make_classifier(**options).backbone.bn1.running_mean
    after = train_classifier(1, **options, reestimate_batch_norm=100, freeze_batch_norm=True).backbone.layer3[0].bn1
    frozen = train_classifier(1, **options, freeze_batch_norm=True).backbone
    assert torch.equal(frozen.bn1.running_mean, before)
    assert after.num_batches_tracked == 2  # 100 pictures in batches of 50
    assert not torch.equal(after.running_mean, frozen.layer3[0].bn1.running_mean)
