import logging
import re

from lit_invariance.cli.train import train
from lit_invariance.training.progress import EpochLines, progress

QUICK = [
    *("--data.shapes", "{train_images: 20, val_images: 10}", "--data.image_size", "16", "--data.batch_size", "10"),
    *("--trainer.max_epochs", "2", "--trainer.accelerator", "cpu", "--trainer.log_every_n_steps", "1"),
]


def test_every_epoch_is_a_line(in_folder, caplog):
    with caplog.at_level(logging.INFO, logger="pytorch_lightning.utilities.rank_zero"):
        train(["--config", "shapes", *QUICK])
    lines = [record.getMessage().strip() for record in caplog.records if record.getMessage().startswith("\repoch")]
    number = r"\d+\.\d{3}"
    parts = [f"{name} {number}" for name in ("train/loss", "train/acc", "val/acc", "val/top1_change")]
    assert len(lines) == 2
    for epoch, line in enumerate(lines, start=1):
        assert re.match("  ".join([f"epoch {epoch}/2", *parts]), line)


def test_a_training_that_its_steps_end_counts_epochs_without_an_end(in_folder, caplog):
    with caplog.at_level(logging.INFO, logger="pytorch_lightning.utilities.rank_zero"):
        train(["--config", "shapes", *QUICK, "--trainer.max_epochs", "-1", "--trainer.max_steps", "2"])
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("\repoch")]
    assert [line.split("  ")[0] for line in lines] == ["\repoch 1"]


def test_a_log_file_gets_no_bar(monkeypatch):
    assert [type(callback) for callback in progress(bar=True)] == [EpochLines]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert len(progress(bar=True)) == 2
    assert len(progress(bar=False)) == 1
