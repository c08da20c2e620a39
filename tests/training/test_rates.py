import pytest
import pytorch_lightning as pl

from lit_invariance.training import rates
from lit_invariance.training.rates import LearningRate, Throughput
from lit_invariance.training.schedule import warmup_cosine
from tests.training.test_classifier import classifier
from tests.training.test_probe_pictures import events, train


def test_throughput(tmp_path, monkeypatch):
    """A clock that stands still but for one second a training batch and seven a validation: 40 images in 5 s."""
    now = [0.0]
    monkeypatch.setattr(rates.time, "monotonic", lambda: now[0])

    class Clock(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            now[0] += 1

        def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
            now[0] += 7

    train(tmp_path, [Throughput(), Clock()])
    values = [event.value for event in events(tmp_path).Scalars("train/images_per_second")]
    assert values == pytest.approx([8.0, 8.0])


def rates_in(folder, tag):
    return [event.value for event in events(folder).Scalars(tag)]


def test_one_curve_of_the_learning_rate(tmp_path):
    """Ten steps of half a cosine, and a second curve only where the backbone has a rate of its own."""
    expected = [0.05 * warmup_cosine(step, 0, 10) for step in range(10)]
    train(tmp_path / "one", [LearningRate()])
    assert rates_in(tmp_path / "one", "train/lr") == pytest.approx(expected, rel=1e-5)
    assert [tag for tag in events(tmp_path / "one").Tags()["scalars"] if "lr" in tag] == ["train/lr"]
    train(tmp_path / "two", [LearningRate()], module=classifier(lr=0.05, backbone_lr=0.005))
    assert rates_in(tmp_path / "two", "train/lr") == pytest.approx(expected, rel=1e-5)
    assert rates_in(tmp_path / "two", "train/backbone_lr") == pytest.approx([rate / 10 for rate in expected], rel=1e-5)
