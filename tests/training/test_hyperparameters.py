import pytest
import yaml
from pytorch_lightning.loggers import CSVLogger
from tensorboard.plugins.hparams import api_pb2, metadata

from lit_invariance.training.hyperparameters import Hyperparameters
from tests.training.test_classifier import classifier
from tests.training.test_probe_pictures import events, train


def test_hparams_tab(tmp_path):
    options = {"mitigations": [{"blurpool": {"taps": 3}}], "reestimate_batch_norm": 8, "freeze_batch_norm": True}
    module = classifier(invariance_images=8, lr=0.001, **options)
    trainer, _ = train(tmp_path, [Hyperparameters()], module=module)
    read = events(tmp_path)
    content = read.summary_metadata
    start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG].plugin_data.content)
    words = {name: value.string_value for name, value in start.hparams.items() if value.string_value}
    assert words["applied_mitigations"] == "blurpool {'taps': 3}"
    assert (words["batch_norm"], words["pictures"]) == ("re-estimated on 8, frozen", "shapes")
    numbers = {name: start.hparams[name].number_value for name in ("lr", "seed", "epochs", "batch_size")}
    assert numbers == {"lr": 0.001, "seed": 1, "epochs": 2, "batch_size": trainer.datamodule.hparams["batch_size"]}
    experiment = metadata.parse_experiment_plugin_data(content[metadata.EXPERIMENT_TAG].plugin_data.content)
    tags = {info.name.tag for info in experiment.metric_infos}
    scores = ("acc", "top1_change", "mean_absolute_change", "agreement", "error_consistency")
    assert tags == {f"val_result/{score}" for score in scores}
    for tag in tags:
        (value,) = [event.value for event in read.Scalars(tag)]
        assert value == pytest.approx(float(trainer.callback_metrics[tag.replace("_result", "")]), nan_ok=True)
    end = metadata.parse_session_end_info_plugin_data(content[metadata.SESSION_END_INFO_TAG].plugin_data.content)
    assert end.status == api_pb2.STATUS_SUCCESS


def test_other_loggers_get_what_model_and_data_do_not_say(tmp_path):
    train(tmp_path, [Hyperparameters()], logger=CSVLogger(tmp_path, name="", version="a"))
    told = yaml.safe_load((tmp_path / "a" / "hparams.yaml").read_text())
    assert (told["epochs"], told["seed"], told["lr"], told["dataset"]) == (2, 1, 0.05, "shapes")
    assert told["mitigations"] == [{"blurpool": {"taps": 3}}]
