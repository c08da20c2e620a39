"""Names that users give to folders, files, classes and models, through both commands."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_invariance.cli.evaluate import evaluate
from lit_invariance.cli.train import train
from lit_invariance.results.reading import read_folder

CLASSES = ["Ba$$in", "$\\frac$", "a b", "café", "漢字", "<b>bold<", "x" * 200, os.fsdecode(b"caf\xe9")]
QUICK = ["--accelerator", "cpu", "--progress", "false", "--cost", "false", "--data.num_workers", "0"]


@pytest.fixture
def pictures(in_folder):
    """A data set of which no name is plain."""
    random, root = np.random.default_rng(0), Path(os.fsdecode(b"data \xe9 $x$"))
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        for number in range(2):
            pixels = random.integers(0, 256, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / os.fsdecode(b"\xe9%d.png" % number))
    return str(root)


def test_no_name_costs_a_training_or_an_evaluation(pictures, capsys):
    data = ["--data.dataset", "image_folder", "--data.root", pictures, "--data.image_size", "16"]
    data += ["--data.num_workers", "0", "--data.val_fraction", "0.5", "--data.batch_size", "4"]
    model = ["--model.backbone", "tiny_resnet", "--model.num_classes", str(len(CLASSES))]
    trainer = ["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
    trainer += ["--trainer.log_every_n_steps", "1", "--trainer.enable_model_summary", "false"]
    train(["--name", "odd", *data, *model, *trainer])
    events = EventAccumulator("runs/odd")
    events.Reload()
    assert {"views/pictures", "views/probability_against_shift"} <= set(events.Tags()["images"])
    models = [os.fsdecode(b"\xe9$=checkpoints/odd/last.ckpt"), "<b>=checkpoints/odd/best.ckpt"]
    output = os.fsdecode(b"out\xe9")
    evaluate([*QUICK, "--models", *models, "--protocols", "crop", "shift_grid", "--output", output])
    assert "out\\xe9/results.json" in capsys.readouterr().out
    results, _ = read_folder(Path(output))
    assert [entry["name"] for entry in results["models"]] == ["\\xe9$", "<b>"]
    assert sorted(results["class_names"]) == sorted([*CLASSES[:-1], "caf\\xe9"])
    page = Path(output, "report.html").read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "could not be drawn" not in page
    before = page
    evaluate(["--from", output])
    assert Path(output, "report.html").read_text(encoding="utf-8") == before
