import os

import huggingface_hub
import pytest
import torch

from lit_invariance.errors import UserError
from lit_invariance.evaluation.geometry import Geometry
from lit_invariance.evaluation.model_sources import parse_source
from lit_invariance.evaluation.models import load_models
from lit_invariance.training.checkpoint import load_checkpoint, read_checkpoint
from lit_invariance.training.classifier import LitClassifier


def saved(path, **options):
    torch.manual_seed(0)
    module = LitClassifier(**{"backbone": "tiny_resnet", "num_classes": 10, "image_size": 32, **options})
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, path)
    return module


@pytest.mark.parametrize("mitigations", [None, ["blurpool"], [{"blurpool": {"taps": 3}}]])
def test_gives_the_same_answers_as_the_module_that_was_saved(tmp_path, mitigations):
    module = saved(tmp_path / "a.ckpt", mitigations=mitigations).eval()
    images = torch.rand(2, 3, 32, 32)
    restored = load_checkpoint(tmp_path / "a.ckpt")
    assert not restored.training
    assert torch.equal(restored(images), module(images))


def test_the_weights_training_began_from_need_not_be_there(tmp_path):
    start = tmp_path / "start.pth"
    torch.save(LitClassifier("tiny_resnet", num_classes=10).backbone.state_dict(), start)
    saved(tmp_path / "a.ckpt", weights=str(start))
    start.unlink()
    assert load_checkpoint(tmp_path / "a.ckpt").hparams["weights"] is None


def test_plain_and_mitigated_checkpoints_fit_each_other(tmp_path):
    module = saved(tmp_path / "a.ckpt")
    mitigated = LitClassifier("tiny_resnet", num_classes=10, mitigations=["blurpool"])
    mitigated.load_state_dict(module.state_dict(), strict=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": torch.zeros(1)}, "is not a checkpoint of this project"),
        ([1], "is not a checkpoint of this project"),
        (
            {
                "hyper_parameters": {"backbone": "tiny_resnet", "num_classes": 10, "image_size": 32},
                "state_dict": {"backbone.fc.bias": torch.zeros(10)},
            },
            "do not fit tiny_resnet",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=message):
        load_checkpoint(tmp_path / "a.ckpt")


def test_a_checkpoint_that_is_cut_off(tmp_path):
    saved(tmp_path / "a.ckpt")
    whole = (tmp_path / "a.ckpt").read_bytes()
    (tmp_path / "a.ckpt").write_bytes(whole[:-1000])
    with pytest.raises(UserError, match="cannot be read"):
        read_checkpoint(tmp_path / "a.ckpt")


def changed(content, path, value):
    """The content with one entry changed, or left out where the value is `...`."""
    *way, last = path.split("/")
    place = content
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return content


OPTIONS = ("backbone", "num_classes", "image_size", "lr", "freeze_batch_norm")
KINDS = (None, [1], {"a": 1}, "nonsense", torch.zeros(2))
MITIGATIONS = ("blurpool", ["nonsense"], [{"blurpool": {"taps": "x"}}], [3], [{"blurpool": {"tops": 3}}], [None])
PROTOCOLS = (None, 3, "nonsense", {"embed_black": {"side": 3}}, "centre_crop", {"embed_black": {"min_side": "x"}})
WRONG = [
    *((f"hyper_parameters/{name}", ...) for name in ("num_classes", "image_size", "backbone")),
    *((f"hyper_parameters/{name}", value) for name in OPTIONS for value in KINDS),
    *((f"hyper_parameters/{name}", value) for name in ("num_classes", "image_size") for value in (-1, 0, 10**12, 2.5)),
    *(("hyper_parameters/mitigations", value) for value in MITIGATIONS),
    *(("hyper_parameters/invariance_protocol", value) for value in PROTOCOLS),
    ("hyper_parameters/optimizer", "nonsense"),
    ("hyper_parameters/optimizer", 3),
    ("hyper_parameters/lr", float("nan")),
    ("hyper_parameters/weights", 3),
    ("hyper_parameters", ...),
    ("hyper_parameters", [1]),
    ("hyper_parameters", None),
    ("datamodule_hyper_parameters", [1]),
    ("datamodule_hyper_parameters", {"dataset": 3}),
    ("datamodule_hyper_parameters", {3: "shapes"}),
    ("datamodule_hyper_parameters", {"shapes": "big"}),
    ("state_dict", ...),
    ("state_dict", {}),
    ("state_dict", [1]),
    ("state_dict", None),
    ("state_dict/backbone.fc.bias", None),
    ("state_dict/backbone.fc.bias", "text"),
    ("state_dict/backbone.fc.bias", torch.zeros(3, 3)),
    ("state_dict/backbone.fc.bias", ...),
    ("epoch", "third"),
    ("global_step", None),
    ("callbacks", [1]),
    ("loops", 3),
    ("optimizer_states", {"a": 1}),
    ("lr_schedulers", None),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=[f"{path}-{number}" for number, (path, _) in enumerate(WRONG)])
def test_whatever_is_wrong_with_a_checkpoint_is_one_sentence(path, value, tmp_path):
    saved(tmp_path / "a.ckpt")
    content = torch.load(tmp_path / "a.ckpt", weights_only=True)
    whole = {"epoch": 1, "global_step": 3, "callbacks": {}, "loops": {}, "optimizer_states": [], "lr_schedulers": []}
    torch.save(changed({**content, "datamodule_hyper_parameters": {"dataset": "shapes"}, **whole}, path, value),
               tmp_path / "a.ckpt")  # fmt: skip
    with pytest.raises(UserError) as error:
        load_checkpoint(tmp_path / "a.ckpt")
    assert str(tmp_path / "a.ckpt") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_checkpoint_of_another_version_may_know_other_options(tmp_path):
    saved(tmp_path / "a.ckpt")
    content = torch.load(tmp_path / "a.ckpt", weights_only=True)
    del content["hyper_parameters"]["label_smoothing"]
    content["hyper_parameters"]["of_the_future"] = {"x": [1]}
    torch.save({**content, "datamodule_hyper_parameters": {"of_the_future": None}}, tmp_path / "a.ckpt")
    assert load_checkpoint(tmp_path / "a.ckpt").num_classes == 10


def test_mnasnet_comes_back_from_its_checkpoint(tmp_path):
    module = saved(tmp_path / "a.ckpt", backbone="torchvision/mnasnet0_5").eval()
    images = torch.rand(1, 3, 32, 32)
    assert torch.equal(load_checkpoint(tmp_path / "a.ckpt")(images), module(images))


def test_the_weights_training_began_from_decide_on_normalisation_and_view(tmp_path):
    """The default tag of tf_efficientnet_b0 has another mean than ap_in1k; neither is downloaded."""
    module = LitClassifier("timm/tf_efficientnet_b0", num_classes=3, image_size=224)
    for weights, mean in (("ap_in1k", (0.5, 0.5, 0.5)), ("ns_jft_in1k", (0.485, 0.456, 0.406))):
        options = {**module.hparams, "weights": weights}
        torch.save({"state_dict": module.state_dict(), "hyper_parameters": options}, tmp_path / "a.ckpt")
        restored = load_checkpoint(tmp_path / "a.ckpt")
        assert restored.normalise(torch.zeros(1, 3, 1, 1)).flatten().tolist() == pytest.approx(
            [-m / s for m, s in zip(mean, restored.preprocessing.std, strict=True)]
        )
        assert restored.centre_crop.interpolation == "bicubic"
        assert restored.centre_crop.mean == mean


CODE = """
from torch import nn

open("ran", "a").close()


def make():
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 4))
"""


def test_code_that_a_checkpoint_names_is_run_only_if_the_user_names_it(in_folder):
    (in_folder / "nets.py").write_text(CODE)
    options = {"backbone": "python:nets.py:make", "num_classes": 4, "image_size": 4}
    module = saved("a.ckpt", **options).eval()
    (in_folder / "ran").unlink()
    os.utime("nets.py", ns=(1, 1))  # a changed file is imported again
    with pytest.raises(UserError, match="run only if you name it: write python:nets.py:make@a.ckpt"):
        load_checkpoint("a.ckpt")
    with pytest.raises(UserError, match="was trained with the code python:nets.py:make, which is run only if"):
        parse_source("x=a.ckpt")
    with pytest.raises(UserError, match="with model.backbone python:nets.py:make, not python:nets.py:other; name that"):
        load_checkpoint("a.ckpt", code="python:nets.py:other")
    assert not (in_folder / "ran").exists()
    source = parse_source("x=python:nets.py:make@a.ckpt")
    assert (source.name, str(source.checkpoint)) == ("x", "a.ckpt")
    (model,) = load_models([source], 4, Geometry(), seed=0)
    images = torch.rand(2, 3, 4, 4)
    assert torch.equal(model.classifier(images), module(images))
    assert torch.equal(load_checkpoint("a.ckpt", code="python:nets.py:make")(images), module(images))
    assert (in_folder / "ran").exists()


def test_reading_a_checkpoint_fetches_nothing(in_folder, monkeypatch):
    def from_disk_alone(repository, file, local_files_only):
        assert local_files_only
        raise FileNotFoundError(file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", from_disk_alone)
    saved("a.ckpt")
    content = torch.load("a.ckpt", weights_only=True)
    content["hyper_parameters"] |= {"backbone": "timm/hf-hub:stranger/net", "weights": "default"}
    torch.save(content, "a.ckpt")
    with pytest.raises(UserError, match="config.json of timm/hf-hub:stranger/net cannot be downloaded") as refused:
        load_checkpoint("a.ckpt")
    assert isinstance(refused.value.__cause__.__cause__, FileNotFoundError)
