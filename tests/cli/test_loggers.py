import csv
import logging
import sys
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from lit_invariance.cli.train import train
from lit_invariance.errors import UserError
from lit_invariance.training import probe_pictures
from lit_invariance.training.classifier import LitClassifier
from tests.cli.test_train import TINY

SHORT = [*TINY, "--trainer.max_epochs", "2", "--model.invariance_images", "4"]


def named(*loggers):
    return [word for logger in loggers for word in ("--trainer.logger+", logger)]


def files(folder="."):
    return {str(path) for path in Path(folder).rglob("*") if path.is_file()}


def told(caplog):
    return [message for message in caplog.messages if message.startswith("curves:")]


def rows(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


CSV = {"runs/shapes/csv/version_0/metrics.csv", "runs/shapes/csv/version_0/hparams.yaml"}
CHECKPOINTS = {f"checkpoints/shapes/{name}" for name in ("best.ckpt", "last.ckpt", "config.yaml")}


def test_a_csv_file_and_nothing_else(in_folder, caplog):
    caplog.set_level(logging.INFO)
    cli = train([*SHORT, "--trainer.logger", "CSVLogger"])
    assert files() == CSV | CHECKPOINTS
    assert told(caplog) == ["curves:      runs/shapes/csv/version_0/metrics.csv"]
    written = [row["val/top1_change"] for row in rows("runs/shapes/csv/version_0/metrics.csv")]
    assert float([value for value in written if value][-1]) == cli.trainer.callback_metrics["val/top1_change"]


def test_the_saved_config_names_no_run_and_a_resumed_run_keeps_its_curves(in_folder):
    train([*SHORT, "--trainer.logger", "CSVLogger"])
    saved = yaml.safe_load(Path("checkpoints/shapes/config.yaml").read_text())["trainer"]["logger"]
    assert saved["init_args"]["save_dir"] is None
    train(["--config", "checkpoints/shapes/config.yaml", "--name", "again"])
    assert len(rows("runs/again/csv/version_0/metrics.csv")) == len(rows("runs/shapes/csv/version_0/metrics.csv"))
    train([*SHORT, "--trainer.logger", "CSVLogger", "--trainer.max_epochs", "3", "--ckpt_path", "last"])
    epochs = [{row["epoch"] for row in rows(f"runs/shapes/csv/version_{number}/metrics.csv")} for number in (0, 1)]
    assert epochs == [{"0", "1"}, {"2"}]


def test_no_logger(in_folder, caplog):
    caplog.set_level(logging.INFO)
    train([*SHORT, "--trainer.logger", "false"])
    assert files() == CHECKPOINTS
    assert not Path("runs").exists()
    assert told(caplog) == []


def test_a_folder_of_the_user_s_and_one_in_a_config(in_folder, caplog):
    caplog.set_level(logging.INFO)
    Path("mine.yaml").write_text(
        "trainer:\n  logger:\n  - class_path: CSVLogger\n    init_args: {save_dir: mine, name: numbers}\n"
        "  - class_path: TensorBoardLogger\n"
    )
    train([*SHORT, "--config", "mine.yaml"])
    found = files() - CHECKPOINTS - {"mine.yaml"}
    assert {path.partition("/events")[0] for path in found} == {
        "mine/numbers/version_0/metrics.csv",
        "mine/numbers/version_0/hparams.yaml",
        "runs/shapes/tensorboard/version_0",
        "runs/shapes/tensorboard/version_0/hparams.yaml",
    }
    assert told(caplog) == [
        "curves:      mine/numbers/version_0/metrics.csv",
        "curves:      tensorboard --logdir runs/shapes/tensorboard/version_0",
    ]


def test_a_run_that_never_began_leaves_no_curves(in_folder, monkeypatch):
    monkeypatch.setattr(LitClassifier, "forward", lambda self, images: torch.full((len(images), 10), torch.nan))
    with pytest.raises(UserError, match="are not finite before the first step"):
        train([*SHORT, *named("CSVLogger", "TensorBoardLogger")])
    assert list(in_folder.iterdir()) == []


@pytest.mark.parametrize(("logger", "package"), [("WandbLogger", "wandb"), ("MLFlowLogger", "mlflow")])
def test_a_missing_package_is_one_sentence(logger, package, in_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"{logger} needs {package}, .* pip install 'lit-invariance\[loggers\]'"):
        train([*SHORT, "--trainer.logger", logger])
    assert list(in_folder.iterdir()) == []


def test_what_a_logger_refuses_is_one_sentence(in_folder):
    pytest.importorskip("wandb")
    options = ["--trainer.logger.offline", "true", "--trainer.logger.log_model", "true"]
    with pytest.raises(UserError, match=r"^--trainer.logger: .* log_model=True and offline=True is an invalid"):
        train([*SHORT, "--trainer.logger", "WandbLogger", *options])
    assert list(in_folder.iterdir()) == []


@pytest.mark.filterwarnings("ignore")  # of their packages
def test_mlflow_gets_curves_settings_and_pictures(in_folder, monkeypatch, caplog):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setattr(probe_pictures, "SHARE", 1e9)
    caplog.set_level(logging.INFO)
    cli = train([*SHORT, "--trainer.logger", "MLFlowLogger", "--model.mitigations", "[blurpool]"])
    logger = cli.trainer.logger
    run = logger.experiment.get_run(logger.run_id)
    assert run.data.metrics["val/top1_change"] == pytest.approx(float(cli.trainer.callback_metrics["val/top1_change"]))
    assert (run.data.params["epochs"], run.data.params["batch_size"], run.data.params["mitigations"]) == (
        "2",
        "16",
        "['blurpool']",
    )
    assert (run.info.run_name, run.info.status) == ("shapes", "FINISHED")
    pictures = {path for path in files("runs/mlruns") if path.endswith(".png")}
    assert {Path(path).name.partition("+")[0] for path in pictures} == {
        "views~pictures",
        "views~probability_against_shift",
    }
    assert told(caplog)[0].endswith(f"mlflow ui --backend-store-uri runs/mlruns (run {logger.run_id})")
    assert [*Path("runs").iterdir()] == [Path("runs/mlruns")]


@pytest.mark.filterwarnings("ignore")
def test_wandb_gets_curves_settings_and_pictures_beside_another_logger(in_folder, monkeypatch, caplog):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    caplog.set_level(logging.INFO)
    try:
        cli = train([*SHORT, *named("WandbLogger", "CSVLogger")])
        run = cli.trainer.loggers[0].experiment
        assert run.summary["val/acc"] == pytest.approx(float(cli.trainer.callback_metrics["val/acc"]))
        assert (run.config["epochs"], run.config["backbone"], run.name) == (2, "tiny_resnet", "shapes")
    finally:
        wandb.finish()
    (folder,) = Path("runs/shapes/wandb").glob("offline-run-*")
    (picture,) = folder.glob("files/media/images/views/pictures_*.png")
    with Image.open(picture) as opened:
        assert opened.size == (2 * 116, 8 * 146)  # two views of each of 8 images
    assert told(caplog) == [f"curves:      wandb sync {folder}", "curves:      runs/shapes/csv/version_0/metrics.csv"]
    assert next(folder.glob("*.wandb")).stat().st_size > 0
