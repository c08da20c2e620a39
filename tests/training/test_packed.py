import json

import pytest
import torch
from safetensors.torch import save_file

from lit_invariance.cli.evaluate import evaluate
from lit_invariance.cli.train import train
from lit_invariance.errors import UserError
from lit_invariance.evaluation.model_sources import find_sources, parse_source
from lit_invariance.experiments.release import release
from lit_invariance.training.checkpoint import load_checkpoint, read_checkpoint
from lit_invariance.training.packed import KEY, is_packed, pack

TINY = ["--config", "shapes.yaml", "--data.shapes", "{train_images: 20, val_images: 10}", "--data.image_size", "32"]
TINY += [
    "--trainer.max_epochs",
    "1",
    "--trainer.log_every_n_steps",
    "1",
    "--data.batch_size",
    "10",
    "--model.invariance_images",
    "2",
]
QUICK = ["--protocols", "crop", "--cost", "false", "--progress", "false", "--accelerator", "cpu"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a finished training and its evaluation."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train([*TINY, "--name", "steady", "--model.mitigations", "[blurpool]", "--trainer.accelerator", "cpu"])
        evaluate([*QUICK, "--output", "measured"])
    return folder


def test_answers_as_the_checkpoint_rounded_to_16_bits_does(trained, monkeypatch):
    monkeypatch.chdir(trained)
    (folder,) = release(["--results", "measured", "--to", "checkpoints/released/shapes"])
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "config.yaml", "README.md"}
    packed, original = folder / "model.safetensors", trained / "checkpoints/steady/best.ckpt"
    assert packed.stat().st_size < original.stat().st_size / 2  # without the optimiser's share
    pictures = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    network, expected = load_checkpoint(packed), load_checkpoint(original)
    assert {value.dtype for value in network.parameters()} == {torch.float32}
    with torch.no_grad():
        for tensor in expected.state_dict().values():
            tensor.copy_(tensor.half() if tensor.is_floating_point() else tensor)
        assert torch.equal(network(pictures), expected(pictures))
    source = parse_source(str(packed))
    assert (source.name, list(source.mitigations)) == ("steady", ["blurpool"])
    assert source.data == parse_source(str(original)).data
    measured = json.loads((trained / "measured/results.json").read_text())
    (row,) = (row for row in measured["rows"] if row["score"] == "top1_change")
    assert f"| crop | top1_change | {row['mean']:.3f}".replace("0.", ".") in (folder / "README.md").read_text()


def test_it_is_compared_before_the_first_training(trained, in_folder):
    pack(read_checkpoint(trained / "checkpoints/steady/best.ckpt"), in_folder / "model.safetensors")
    home = in_folder / "checkpoints/released/shapes/steady"
    home.mkdir(parents=True)
    (in_folder / "model.safetensors").rename(home / "model.safetensors")
    assert [source.name for source in find_sources(None)] == ["steady"]
    evaluate([*QUICK, "--max_images", "4"])
    assert json.loads((in_folder / "results/results.json").read_text())["images"] == 4


@pytest.mark.parametrize("header", [None, {"format": "pt"}, {KEY: "{"}, {KEY: "[]"}, {KEY: "[" * 100_000}])
def test_other_safetensors_are_refused_in_one_sentence(in_folder, header):
    save_file({"weight": torch.zeros(2)}, "other.safetensors", header)
    with pytest.raises(UserError, match=r"'other.safetensors' is not a checkpoint of this project"):
        load_checkpoint("other.safetensors")
    assert is_packed("other.safetensors") == (KEY in (header or {}))
    assert not is_packed("none.safetensors")


def test_evaluations_of_wrapped_networks_alone_have_nothing_to_pack(trained, monkeypatch):
    monkeypatch.chdir(trained)
    wrapped = "checkpoints/steady/best.ckpt+content_align"
    evaluate([*QUICK, "--max_images", "2", "--output", "wrapped", "--models", wrapped])
    with pytest.raises(UserError, match="nothing to pack"):
        release(["--results", "wrapped", "--to", "packed"])
