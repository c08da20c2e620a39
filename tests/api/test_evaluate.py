import copy
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn

import lit_invariance as li
from lit_invariance.cli.evaluate import evaluate as command
from lit_invariance.data.images import to_rgb
from lit_invariance.execution.executor import CPU_BATCH
from lit_invariance.models.backbones import create_backbone
from lit_invariance.protocols import Crop, generator_for

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


class Lightning(pl.LightningModule):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images)


class WithLogits(nn.Module):
    """As the models of transformers answer."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return SimpleNamespace(logits=self.network(images))


def columns(results, model, protocol="crop"):
    return {score: values for (name, label, score), values in results.outcomes.columns.items() if name == model}


def test_scores_are_those_of_a_plain_loop(small_net, pictures, quick):
    """Witness: decode, make the two views, normalise, classify and compare, image by image.

    In batches of the executor's size, since a processor adds up otherwise in others.
    """
    network = small_net()
    results = li.evaluate({"mine": network}, pictures, ["crop"], preprocessing=(MEAN, STD), seed=3, **quick)
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    network.eval()
    for index, (picture, label) in enumerate(pictures):
        views = Crop(size=16)(to_rgb(picture), generator_for(3, "crop", index))
        batch = torch.cat([views, views.new_zeros(CPU_BATCH - 2, *views.shape[1:])])
        with torch.no_grad():
            first, second = network((batch - mean) / std)[:2].softmax(-1)
        top, other = int(first.argmax()), int(second.argmax())
        expected = {
            "accuracy": ((top == label) + (other == label)) / 2,
            "top1_change": float(top != other),
            "mean_absolute_change": float((first[top] - second[top]).abs()),
        }
        for score, value in expected.items():
            assert results.outcomes.columns["mine", "crop", score][index] == pytest.approx(value, abs=1e-6)
    assert results.content["images"] == 9
    assert any(results.outcomes.columns["mine", "crop", "top1_change"])


def test_every_kind_of_model_gives_the_numbers_of_the_plain_one(small_net, pictures, quick):
    network = small_net().eval()
    models = {
        "module": network,
        "lightning": Lightning(network),
        "logits": WithLogits(network),
        "function": lambda images: network(images),
        "other": small_net(seed=1),
        "averaged": li.ShiftAverage(network, shifts=2),
    }
    results = li.evaluate(models, pictures, "crop", reference="module", **quick)
    plain = columns(results, "module")
    for name in ("lightning", "logits", "function"):
        for score, values in columns(results, name).items():
            np.testing.assert_array_equal(values, plain[score])
    for name in ("other", "averaged"):
        assert (columns(results, name)["mean_absolute_change"] != plain["mean_absolute_change"]).any()
    entries = {entry["name"]: entry for entry in results.content["models"]}
    assert (entries["averaged"]["passes"], entries["module"]["passes"]) == (4, 1)
    assert entries["averaged"]["backbone"] == "SmallNet"
    assert results.content["reference"] == "module"


def test_a_wrapper_sees_pictures_and_the_network_in_it_what_preprocessing_makes_of_them(small_net, pictures, quick):
    network = small_net().eval()
    inside = nn.Sequential(Normalised(), network)
    by_hand = li.evaluate({"a": li.ContentAlign(inside)}, pictures, ["crop"], **quick)
    wrapper = li.ContentAlign(network)
    given = li.evaluate({"a": wrapper}, pictures, ["crop"], preprocessing=(MEAN, STD), **quick)
    assert columns(by_hand, "a")["mean_absolute_change"] == pytest.approx(columns(given, "a")["mean_absolute_change"])
    assert wrapper.network is network


class Normalised(nn.Module):
    def forward(self, images):
        mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
        return (images - mean) / std


def test_networks_are_given_back_as_they_came(small_net, pictures, quick):
    network = small_net()
    network.layer.eval()
    before = copy.deepcopy(network.state_dict())
    li.evaluate({"mine": network}, pictures, ["crop"], **quick)
    assert network.training
    assert not network.layer.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    network(torch.rand(2, 3, 16, 16)).sum().backward()


def test_a_network_at_hand_gives_the_numbers_of_its_text(in_folder, pictures, write_folder, quick):
    """The command's model `tiny_resnet@none`, built by hand and normalised by `preprocessing`."""
    folder = write_folder(pictures)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = create_backbone("tiny_resnet", None, 3)
    network = made.network.to(memory_format=torch.channels_last)
    expected = made.preprocessing
    by_text = li.evaluate({"a": "tiny_resnet@none"}, folder, ["crop"], **quick)
    at_hand = li.evaluate({"a": network}, folder, ["crop"], preprocessing=(expected.mean, expected.std), **quick)
    for column, values in by_text.outcomes.columns.items():
        assert at_hand.outcomes.columns[column] == pytest.approx(values, abs=1e-6, nan_ok=True)


def test_saves_what_the_command_saves(in_folder, pictures, write_folder, quick):
    folder = write_folder(pictures)
    options = ["--data.image_size", "16", "--progress", "false", "--cost", "false", "--accelerator", "cpu"]
    models = ["a=tiny_resnet@none", "b=cifar_resnet20@none"]
    command(["--models", *models, "--data.root", str(folder), "--protocols", "crop", "--output", "command", *options])
    results = li.evaluate(models, folder, ["crop"], **quick)
    results.save("call")
    files = {place: {str(path.relative_to(place)) for path in Path(place).rglob("*")} for place in ("command", "call")}
    assert files["command"] == files["call"] >= {"results.json", "results.csv", "outcomes.npz", "report.html"}
    said = {place: json.loads(Path(place, "results.json").read_text()) for place in files}
    given = said["command"].pop("command")
    assert (given[0], said["call"].pop("command")) == ("--models", None)
    # The command says every option of its DataModule.
    assert said["call"].pop("data")["fingerprint"] == said["command"].pop("data")["fingerprint"]
    assert said["call"] == said["command"]
    assert Path("call/results.csv").read_bytes() == Path("command/results.csv").read_bytes()
    assert "lit_invariance.evaluate" in Path("call/report.html").read_text()
    assert li.Results.load("call").table() == results.table()


def test_names_that_a_terminal_would_obey_are_written_out(small_net, pictures, quick):
    networks = {"\x1b[2J": small_net(), "b\nc\x07": small_net(seed=1)}
    table = li.evaluate(networks, pictures, ["crop"], **quick | {"cost": True}).table()
    assert all(line.isprintable() for line in table.split("\n"))
    assert "difference from \\x1b[2J, on" in table


def test_a_film(in_folder, small_net, pictures, quick):
    Path("frames").mkdir()
    for number, (picture, _) in enumerate(pictures):
        picture.resize((20, 24)).save(f"frames/{number}.png")
    results = li.evaluate({"mine": small_net()}, li.Film("frames"), label=2, **quick)
    assert results.content["samples"] == "frame pairs"
    assert results.content["images"] == 8
    assert len(results.content["curves"][0]["probabilities"]) == 9


def test_diagnostics_of_a_network_at_hand(small_net, pictures, quick):
    results = li.evaluate({"mine": small_net()}, pictures, ["crop"], diagnose=["aliasing", "size"], **quick)
    measured = results.content["diagnostics"]
    assert [entry["operation"] for entry in measured["aliasing"]["mine"]["operations"]] == ["layer"]
    assert measured["size"]["mine"]["points"]


class TestRefused:
    @pytest.mark.parametrize(
        ("models", "message"),
        [
            ({}, "there is no model"),
            ("tiny_resnet@none", "models is 'tiny_resnet@none'; give a dictionary of names and models"),
            (nn.Linear(4, 3), "models is a Linear; give a dictionary of names and models"),
            ({"a": 3}, "model a is 3; give a network"),
            ([nn.Linear(4, 3)], "models holds a Linear without a name; give a dictionary"),
            (
                {"a": lambda images: images},
                r"model a must return logits .* for one picture, not shape \(1, 3, 16, 16\)",
            ),
            ({"a": lambda images: None}, "model a must return logits .* not type NoneType"),
            ({"a": nn.Linear(4, 3)}, "model a does not take a batch of pictures"),
            ({"a": "tiny_resne@none"}, "unknown backbone"),
        ],
    )
    def test_models(self, models, message, pictures, quick):
        with pytest.raises(li.UserError, match=message) as refused:
            li.evaluate(models, pictures, ["crop"], **quick)
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"seed": "x"}, "seed is 'x'; it must be a whole number, at least 0"),
            ({"seed": -1}, "seed is -1"),
            ({"draws": 0}, "draws is 0; it must be a whole number, at least 1"),
            ({"image_size": -3}, "image_size is -3; it must be a whole number, at least 1"),
            ({"max_images": 0}, "max_images is 0; it must be a whole number, at least 1"),
            ({"batch_size": 0}, "batch_size is 0"),
            ({"precision": "bf16"}, "unknown precision 'bf16'; did you mean bf16-mixed"),
        ],
    )
    def test_options(self, options, message, small_net, pictures, quick):
        with pytest.raises(li.UserError, match=message):
            li.evaluate({"mine": small_net()}, pictures, ["crop"], **quick | options)

    def test_preprocessing_of_models_that_bring_their_own(self, pictures, quick):
        with pytest.raises(li.UserError, match="preprocessing= applies to models given as objects"):
            li.evaluate({"a": "tiny_resnet@none"}, pictures, "crop", preprocessing=(MEAN, STD), **quick)

    def test_a_function_looked_into(self, small_net, pictures, quick):
        network = small_net()
        with pytest.raises(li.UserError, match="aliasing examines the layers of a network, but model f is a function"):
            li.evaluate({"f": lambda images: network(images)}, pictures, "crop", diagnose=["aliasing"], **quick)

    def test_numbers_of_outputs(self, small_net, pictures, write_folder, quick):
        with pytest.raises(li.UserError, match="model b has 5 outputs, but the data have 3 classes"):
            li.evaluate({"a": small_net(), "b": small_net(classes=5)}, pictures, ["crop"], **quick)
        with pytest.raises(li.UserError, match="model b has 5 outputs, but the data have 3 classes"):
            li.evaluate({"b": small_net(classes=5)}, write_folder(pictures), ["crop"], **quick)

    def test_going_on_with_a_network_at_hand(self, small_net, pictures, tmp_path, quick):
        with pytest.raises(
            li.UserError, match="unfinished= needs models that are named by text, but mine is an object"
        ):
            li.evaluate({"mine": small_net()}, pictures, ["crop"], unfinished=tmp_path, **quick)
        assert list(tmp_path.iterdir()) == []
