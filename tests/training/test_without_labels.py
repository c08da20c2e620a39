"""Training on pictures without labels: a network learns from its own answers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_lightning import Trainer

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.training.classifier import LitClassifier


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0)
    for number in range(10):
        Image.fromarray(pixels.integers(0, 256, (36, 40, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    return tmp_path


@pytest.fixture
def weights(tmp_path_factory) -> str:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.save(LitClassifier("tiny_resnet", num_classes=5, image_size=32).backbone.state_dict(), path)
    return str(path)


def classifier(weights: str, mitigations) -> LitClassifier:
    options = {"num_classes": 5, "image_size": 32, "mitigations": mitigations, "invariance_images": 3, "lr": 0.1}
    return LitClassifier("tiny_resnet", weights, **options)


def trainer(tmp_path: Path, **changes) -> Trainer:
    options = {"accelerator": "cpu", "max_epochs": 1, "logger": False, "enable_progress_bar": False}
    options |= {"enable_model_summary": False, "enable_checkpointing": False, "log_every_n_steps": 1}
    return Trainer(default_root_dir=tmp_path, **options | changes)


def data(photos: Path) -> InvarianceData:
    return InvarianceData("unlabelled", root=str(photos), val_fraction=0.4, image_size=32, batch_size=3, num_workers=0)


def test_distillation_needs_no_labels_and_accuracy_is_agreement_with_the_teacher(photos, weights, tmp_path):
    module, images = classifier(weights, ["blurpool", "distillation"]), data(photos)
    teacher = LitClassifier("tiny_resnet", weights, num_classes=5, image_size=32).eval()
    before = {name: value.clone() for name, value in module.backbone.state_dict().items()}
    running = trainer(tmp_path)
    running.fit(module, images)
    assert any(not value.equal(before[name]) for name, value in module.backbone.state_dict().items())
    logged = running.callback_metrics
    assert {"train/loss", "train/distillation", "val/acc", "val/loss", "val/top1_change"} <= logged.keys()
    assert not {"train/acc", "val/first_view_accuracy"} & logged.keys()
    (batch, *rest) = images.val_dataloader()
    views = torch.cat([module._standard_views(part) for part in (batch, *rest)])
    with torch.no_grad():
        agreed = (module.eval()(views).argmax(-1) == teacher(views).argmax(-1)).double().mean()
    assert float(logged["val/acc"]) == pytest.approx(float(agreed))


@pytest.mark.parametrize("mitigations", [[], ["consistency"], [{"distillation": {"label_weight": 0.5}}]])
def test_a_loss_that_needs_labels_is_refused(photos, weights, tmp_path, mitigations):
    with pytest.raises(UserError, match="the pictures have no labels, but the training loss needs them; learn from"):
        trainer(tmp_path).fit(classifier(weights, mitigations), data(photos))
