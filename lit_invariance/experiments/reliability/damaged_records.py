"""Damaged results, configs and checkpoints, let at the commands that read them."""

import contextlib
import io
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import yaml

from lit_invariance.api.results import Results
from lit_invariance.cli.configs import config_folder
from lit_invariance.cli.evaluate import evaluate
from lit_invariance.cli.train import train
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.experiments.reliability.mutations import Tally, mutate, survive
from lit_invariance.experiments.reliability.structured import mutate_json, mutate_value, mutate_yaml
from lit_invariance.results.reading import OUTCOMES, RESULTS, digest_of
from lit_invariance.training.checkpoint import load_checkpoint
from lit_invariance.training.classifier import LitClassifier

MODELS = ["--models", "small=tiny_resnet@none", "deep=cifar_resnet20@none"]
SHAPES = ["--data.dataset", "shapes", "--data.image_size", "16", "--data.shapes", "{val_images: 12, train_images: 8}"]
QUICK = ["--accelerator", "cpu", "--progress", "false", "--diagnose", "aliasing", "size", "--diagnose_images", "2"]
DRY = ["--trainer.fast_dev_run", "true", "--trainer.accelerator", "cpu", "--data.num_workers", "0"]


def damaged_results(folder: Path, count: int = 2000, seed: int = 0) -> Tally:
    """Draw the report of damaged results, as `evaluate.py --from` does.

    Args:
        folder: An existing folder for the files.
        count: Number of damaged files.
        seed: Names the damages.
    """
    whole, drawn = folder / "whole", folder / "drawn"
    with quiet():
        evaluate([*MODELS, *SHAPES, *QUICK, "--protocols", "crop", "--output", str(whole)])
    drawn.mkdir()

    def draw(path: Path) -> None:
        for name in (RESULTS, OUTCOMES):
            shutil.copyfile(path if path.name.endswith(name) else whole / name, drawn / name)
        if path.name.endswith(OUTCOMES):
            text = (whole / RESULTS).read_text().replace(digest_of(whole / OUTCOMES), digest_of(path))
            (drawn / RESULTS).write_text(text)
        with quiet():
            results = Results.load(drawn)
            results.table()
            results.draw(drawn)

    files = {name: (whole / name).read_bytes() for name in (RESULTS, OUTCOMES)}
    return survive(files, draw, folder, count, seed, mutate_record)


def mutate_record(data: bytes, random: np.random.Generator) -> bytes:
    """Damage `results.json` or `outcomes.npz`, whichever it is."""
    return mutate_json(data, random) if data.startswith(b"{") else mutate(data, random)


def damaged_configs(folder: Path, count: int = 2000, seed: int = 0) -> Tally:
    """Build what damaged configs ask `train.py` for; the training itself stands still.

    Args:
        folder: An existing folder for the files.
        count: Number of damaged files.
        seed: Names the damages.
    """
    configs = {name: yaml.safe_load((config_folder() / name).read_text()) for name in ("shapes.yaml", "aa_shapes.yaml")}
    for config in configs.values():
        config["data"] |= {"image_size": 16, "shapes": {"train_images": 8, "val_images": 4}}
    files = {name: yaml.safe_dump(config).encode() for name, config in configs.items()}

    def build(path: Path) -> None:
        with quiet(), standing_still(), contextlib.chdir(folder):
            train(["--config", str(path), *DRY])

    return survive(files, build, folder, count, seed, mutate_yaml)


@contextlib.contextmanager
def standing_still() -> Iterator[None]:
    """Make every Trainer return from `fit` at once."""
    fit = pl.Trainer.fit
    pl.Trainer.fit = lambda *_, **__: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        pl.Trainer.fit = fit  # type: ignore[method-assign]


def damaged_checkpoints(folder: Path, count: int = 2000, seed: int = 0) -> Tally:
    """Load damaged checkpoints: damaged files, and whole files with damaged content.

    Args:
        folder: An existing folder for the files.
        count: Number of damaged files.
        seed: Names the damages.
    """
    network = LitClassifier("tiny_resnet", num_classes=10, image_size=16, mitigations=["blurpool"])
    content = {
        "state_dict": network.state_dict(),
        "hyper_parameters": dict(network.hparams),
        "datamodule_hyper_parameters": dict(InvarianceData(dataset="shapes", image_size=16).hparams),
    }

    def load(path: Path) -> None:
        with quiet():
            load_checkpoint(path)

    def damage(data: bytes, random: np.random.Generator) -> bytes:
        return mutate(data, random) if random.random() < 0.5 else _saved(mutate_value(content, random))

    return survive({"best.ckpt": _saved(content)}, load, folder, count, seed, damage)


def _saved(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what the commands print to themselves, and take their exit with one sentence for a `UserError`."""
    told = io.StringIO()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(told),
        warnings.catch_warnings(action="ignore"),
    ):
        try:
            yield
        except SystemExit as error:
            if error.code != 2:
                raise AssertionError(f"exit code {error.code}") from error
            raise UserError(told.getvalue().strip()) from error
