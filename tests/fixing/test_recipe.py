import json
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch

from lit_invariance.cli.evaluate import evaluate
from lit_invariance.cli.train import train
from lit_invariance.errors import UserError
from lit_invariance.fixing import trials
from lit_invariance.fixing.candidates import ALIGN, AVERAGE, stages
from lit_invariance.fixing.networks import make_network
from lit_invariance.fixing.plan import Plan
from lit_invariance.training.checkpoint import load_checkpoint, read_checkpoint
from tests.fixing.conftest import fixing

FOLDER = Path("checkpoints/fix")


def states(path):
    return read_checkpoint(path)["state_dict"]


def assert_equal(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_leaves_two_networks_and_the_reason(finished):
    left = {path.name for path in finished.checkpoints.iterdir()}
    assert left == {"best.ckpt", "plain.ckpt", "fix.json", "config.yaml"}
    record = json.loads((finished.checkpoints / "fix.json").read_text())
    assert record["held_out_pictures"] == 17
    names = [one["name"] for one in record["candidates"]]
    steady = "alignment + gated average"
    assert names[:4] == ["plain", f"head + {steady}", "head", f"plain + {steady}"]
    assert record["chosen"] in names
    added = load_checkpoint(finished.checkpoints / "best.ckpt").hparams["mitigations"] or []
    assert (added[-2:] == [{"content_align": ALIGN}, {"shift_average": AVERAGE}]) == record["chosen"].endswith(steady)


def test_the_command_compares_them(finished, in_folder, capsys):
    models = [f"{name}={finished.checkpoints}/{file}.ckpt" for name, file in (("plain", "plain"), ("fixed", "best"))]
    data = ["--data.root", str(finished.folder / "PHOTOS"), "--data.val_fraction", "1", "--data.num_workers", "0"]
    evaluate(["--models", *models, *data, "--cost", "false", "--progress", "false", "--protocols", "crop"])
    assert "fixed" in capsys.readouterr().out


def test_the_plain_network_is_what_an_ordinary_training_of_the_config_gives(finished, photos):
    train([*fixing(), "--fix", "null", "--name", "ordinary", "--trainer.log_every_n_steps", "1"])
    assert_equal(states(finished.checkpoints / "plain.ckpt"), states("checkpoints/ordinary/last.ckpt"))


def test_the_layer_that_is_trained_alone_leaves_all_others_as_they_were(finished):
    weights = torch.load(finished.folder / "other.pth", weights_only=True)
    head, plain = (finished.networks[f"{name}-0.ckpt"] for name in ("head", "plain"))
    others = [name for name in weights if not name.startswith("fc.")]
    assert all(torch.equal(head[f"backbone.{name}"], weights[name]) for name in others)
    assert not any(torch.equal(plain[f"backbone.{name}"], weights[name]) for name in others if name.endswith("weight"))
    assert not torch.equal(head["backbone.fc.weight"], finished.networks["head-1.ckpt"]["backbone.fc.weight"])


def test_where_no_answer_changes_own_weights_are_left_as_they_were(photos):
    train(fixing(weights="constant.pth"))
    assert json.loads((FOLDER / "fix.json").read_text())["chosen"] == "plain"
    weights, best = torch.load("constant.pth", weights_only=True), states(FOLDER / "best.ckpt")
    assert_equal({f"backbone.{name}": value for name, value in weights.items()}, best)
    assert load_checkpoint(FOLDER / "best.ckpt").hparams["mitigations"] is None


@pytest.fixture
def unlabelled(photos):
    """A list of the pictures, whose folders say nothing, and the ten classes of the weights."""
    Path("list.txt").write_text("".join(f"{path}\n" for path in sorted(Path("PHOTOS").glob("*/*.png"))))
    return ["--data.dataset", "unlabelled", "--data.root", "list.txt", "--model.num_classes", "10"]


def test_pictures_without_labels_are_judged_by_the_plain_network_s_answers(unlabelled):
    train(fixing(*unlabelled))
    record = json.loads((FOLDER / "fix.json").read_text())
    assert [one["name"] for one in record["candidates"]][:2] == ["plain", "plain + alignment + gated average"]
    assert record["candidates"][0]["accuracy"] == 1
    weights = torch.load("other.pth", weights_only=True)
    assert_equal({f"backbone.{name}": value for name, value in weights.items()}, states(FOLDER / "plain.ckpt"))


def test_code_of_the_user_s_own_is_a_network_like_others(photos):
    Path("mine.py").write_text(
        "from lit_invariance.models.small_resnet import SmallResNet\n"
        "def network():\n"
        "    return SmallResNet(3, blocks=2, pool=True)\n"
    )
    train([*fixing(weights="constant.pth"), "--model.backbone", "python:mine.py:network"])
    best = load_checkpoint(FOLDER / "best.ckpt", code="python:mine.py:network")
    weights = torch.load("constant.pth", weights_only=True)
    assert_equal({f"backbone.{name}": value for name, value in weights.items()}, dict(best.state_dict()))


def test_a_network_learns_from_the_plain_one_without_labels(unlabelled):
    model = {"backbone": "tiny_resnet", "weights": "other.pth", "num_classes": 10, "image_size": 32, "lr": 2.0}
    data = {"dataset": "unlabelled", "root": "list.txt", "image_size": 32, "batch_size": 6, "num_workers": 0}
    trainer = {"accelerator": "cpu", "max_epochs": 1, "log_every_n_steps": 1}
    plan = Plan({**model, "mitigations": None, "invariance_images": 0}, data, trainer, [], seed=0)
    make_network(plan, stages(fine_tuned=True, labelled=False)[1][0].arm, Path("moved.ckpt"))
    weights, moved = torch.load("other.pth", weights_only=True), states("moved.ckpt")
    assert all(value.isfinite().all() for value in moved.values())
    assert not torch.equal(moved["backbone.fc.weight"], weights["fc.weight"])
    assert torch.equal(moved["backbone.bn1.running_mean"], weights["bn1.running_mean"])


def test_without_labels_other_classes_cannot_be_learnt(unlabelled):
    with pytest.raises(UserError, match="the weights are of 10 classes, not of 3, and pictures without labels cannot"):
        train(fixing(*unlabelled, "--model.num_classes", "3"))


def test_an_interrupted_run_goes_on_from_what_is_finished(finished, photos, monkeypatch, caplog):
    made, make = [], trials.make_network

    def interrupted(plan, arm, path, positions, after=4):
        if len(made) == after:
            raise KeyboardInterrupt
        make(plan, arm, path, positions)
        made.append(path.name)

    caplog.set_level("INFO")
    monkeypatch.setattr(trials, "make_network", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(fixing())
    assert not (FOLDER / "best.ckpt").exists()
    assert made == ["plain-0.ckpt", "plain-1.ckpt", "plain-2.ckpt", "head-0.ckpt"]
    monkeypatch.setattr(trials, "make_network", partial(interrupted, after=None))
    train(fixing())
    assert len(set(made)) == len(made)
    assert caplog.text.count(" trained, part ") == len([name for name in made if "-" in name])  # nothing told twice
    for name in ("plain.ckpt", "best.ckpt"):
        assert_equal(states(FOLDER / name), states(finished.checkpoints / name))


def test_what_was_tried_under_other_settings_is_not_used(photos, monkeypatch):
    made, make = [], trials.make_network

    def interrupted(plan, arm, path, positions):
        make(plan, arm, path, positions)
        made.append(path.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(trials, "make_network", interrupted)
    for rate in ("1", "1", "2"):
        with pytest.raises(KeyboardInterrupt):
            train(fixing("--model.lr", rate))
    assert made == ["plain-0.ckpt", "plain-1.ckpt", "plain-0.ckpt"]


def test_an_earlier_run_is_replaced_only_where_asked(finished, photos):
    shutil.copytree(finished.checkpoints, FOLDER)
    with pytest.raises(UserError, match="checkpoints/fix holds an earlier run; .* replace it with --overwrite true"):
        train(fixing())


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (["--model.weights", "null"], "fix starts from a trained network; set --model.weights"),
        (["--trainer.fast_dev_run", "2"], "leave out trainer.fast_dev_run"),
        (["--trainer.callbacks", "[DeviceStatsMonitor]"], "callbacks are not taken into the trainings of fix"),
        (["--fix.protocols", "[centre_crop]"], "fix.protocols holds centre_crop, which has a single view"),
        (["--fix.protocols", "[crp]"], "unknown protocol or group 'crp'; did you mean crop"),
        (["--data.val_fraction", "0.5"], "there are 9 pictures to train on, .* needs at least 12"),
    ],
)
def test_mistakes_are_told_in_a_sentence_and_leave_nothing(photos, further, message):
    with pytest.raises(UserError, match=message):
        train(fixing(*further))
    assert not Path("checkpoints").exists()
    assert not Path("runs").exists()
