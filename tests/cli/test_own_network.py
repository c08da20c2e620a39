"""A network of the user's own, from the training with everything to the comparison of what it left."""

from pathlib import Path

import pytest
import torch

from lit_invariance.cli.evaluate import evaluate
from lit_invariance.cli.train import train
from lit_invariance.errors import UserError
from lit_invariance.results.reading import read_results

NETS = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width, outputs):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Linear(width, outputs)

    def forward(self, images):
        return self.head(self.features(images).mean((2, 3)))


def make(width=8, outputs=7):
    torch.manual_seed(0)
    return Net(width, outputs), ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
"""
BACKBONE = "python:nets.py:make{width: 6}"
SHAPES = ["--data.image_size", "32", "--data.shapes", "{train_images: 24, val_images: 12}"]
TRAINING = ["--config", "shapes.yaml", "--name", "own", *SHAPES, "--data.batch_size", "8", "--data.num_workers", "0"]
TRAINING += ["--model.backbone", BACKBONE, "--model.weights", "default", "--model.num_classes", "10"]
TRAINING += ["--model.mitigations", "[blurpool, consistency, shift_average]", "--trainer.accelerator", "cpu"]
TRAINING += ["--trainer.callbacks+=EMAWeightAveraging", "--trainer.enable_progress_bar", "false"]
TRAINING += ["--trainer.enable_model_summary", "false", "--trainer.log_every_n_steps", "1"]
EVALUATION = ["--accelerator", "cpu", "--progress", "false", "--cost", "false", "--max_images", "6"]


def test_it_is_trained_resumed_and_compared(in_folder, caplog, capsys):
    Path("nets.py").write_text(NETS)
    caplog.set_level("INFO")
    train([*TRAINING, "--trainer.max_epochs", "1"])
    train([*TRAINING, "--trainer.max_epochs", "2", "--ckpt_path", "last"])
    assert "python:nets.py:make{width: 6}: its weights are of 7 classes; head is new, with 10 outputs" in caplog.text
    best = f"own={BACKBONE}@checkpoints/own/best.ckpt"
    assert f"compare:     python evaluate.py --models '{best}'" in caplog.text
    content = torch.load("checkpoints/own/last.ckpt", weights_only=True)
    assert content["epoch"] == 1
    assert "backbone.features.3.weight" in content["state_dict"]  # surgery and all have kept the names
    evaluate(["--models", best, f"again={BACKBONE}@checkpoints/own/last.ckpt", "--protocols", "crop", *EVALUATION])
    results = read_results(Path("results/results.json"))
    assert [model["mitigations"] for model in results["models"]] == [["blurpool", "consistency", "shift_average"]] * 2


def test_it_teaches_itself(in_folder):
    """The teacher is made by the same code, and is of no use where its classes are others."""
    Path("nets.py").write_text(NETS)
    distil = [*TRAINING, "--model.mitigations", "[blurpool, distillation]", "--trainer.max_epochs", "1"]
    with pytest.raises(UserError, match="the teacher's weights 'default' do not have model.num_classes 10 classes"):
        train(distil)
    train([*distil, "--model.backbone", "python:nets.py:make{outputs: 10}", "--overwrite", "true"])
    assert Path("checkpoints/own/best.ckpt").is_file()
