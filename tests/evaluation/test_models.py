import huggingface_hub
import pytest
import torch

from lit_invariance.errors import UserError
from lit_invariance.evaluation.fingerprint import run_fingerprint
from lit_invariance.evaluation.geometry import Geometry
from lit_invariance.evaluation.model_sources import find_sources
from lit_invariance.evaluation.models import load_models
from lit_invariance.mitigations.inference.shift_average import ShiftAverage
from lit_invariance.models.backbones import create_backbone
from lit_invariance.training import checkpoint

SIXTEEN = Geometry(otherwise=16)


def test_untrained_weights_depend_on_the_seed_alone():
    sources = find_sources(["a=tiny_resnet@none", "b=tiny_resnet@none"])
    first, second = (model.classifier.state_dict() for model in load_models(sources, 7, SIXTEEN, seed=0))
    torch.rand(3)
    (again,) = load_models(sources[1:], 7, SIXTEEN, seed=0)
    (other,) = load_models(sources[1:], 7, SIXTEEN, seed=1)
    name = "backbone.fc.weight" if "backbone.fc.weight" in first else next(key for key in first if "weight" in key)
    assert torch.equal(first[name], second[name])
    assert torch.equal(first[name], again.classifier.state_dict()[name])
    assert not torch.equal(first[name], other.classifier.state_dict()[name])
    assert not again.classifier.training


def test_description(save_run):
    path = save_run("aa", mitigations=[{"blurpool": {"taps": 3}}], translation={"kind": "pad"})
    (model,) = load_models(find_sources([f"x={path}"]), 10, Geometry(), seed=0)
    entry = model.describe()
    assert entry.pop("parameters") == sum(value.numel() for value in model.classifier.backbone.parameters())
    assert entry == {
        "name": "x",
        "source": str(path),
        "backbone": "tiny_resnet",
        "mitigations": [{"blurpool": {"taps": 3}}],
        "translation": {"kind": "pad"},
        "image_size": 16,
        "preprocessing": {"recipe": None, "crop_pct": None, "crop_mode": "center", "interpolation": "bilinear"},
        "weights": None,
        "passes": 1,
        "cost": None,
    }


def test_added_mitigations_are_applied_and_told(save_run):
    path = save_run("aa", mitigations=["blurpool"])
    plain, added = load_models(
        find_sources([str(path), f"avg={path}+{{shift_average: {{shifts: 3}}}}"]), 10, SIXTEEN, seed=0
    )
    images = torch.rand(2, 3, 16, 16)
    average = ShiftAverage(plain.classifier, 3)(images)
    torch.testing.assert_close(added.classifier(images), average)
    entry = added.describe()
    assert (entry["passes"], entry["mitigations"]) == (9, ["blurpool", {"shift_average": {"shifts": 3}}])
    assert plain.describe()["passes"] == 1


def test_surgery_on_a_backbone_keeps_its_parameters():
    sources = find_sources(["a=tiny_resnet@none", "b=tiny_resnet@none+blurpool"])
    plain, blurred = (model.classifier for model in load_models(sources, 10, SIXTEEN, seed=0))
    for key, value in plain.state_dict().items():
        assert torch.equal(blurred.state_dict()[key], value)
    images = torch.rand(2, 3, 16, 16)
    assert not torch.allclose(plain(images), blurred(images))


def test_checkpoint_of_another_number_of_classes(save_run):
    path = save_run("run", num_classes=7)
    with pytest.raises(UserError, match="model run has 7 classes, but the data have 10; choose other data"):
        load_models(find_sources([str(path)]), 10, SIXTEEN, seed=0)


def test_weights_file_of_another_number_of_classes(save_run):
    """The network would get a random head; its scores would look like a poor model's."""
    path = save_run("run", num_classes=7)
    assert load_models(find_sources([f"tiny_resnet@{path}"]), 7, SIXTEEN, seed=0)[0].classifier.num_classes == 7
    with pytest.raises(UserError, match="model tiny_resnet has 7 classes, but the data have 10"):
        load_models(find_sources([f"tiny_resnet@{path}"]), 10, SIXTEEN, seed=0)


def test_unknown_backbone():
    with pytest.raises(UserError, match="unknown backbone 'torchvision/resnet5'; did you mean"):
        load_models(find_sources(["torchvision/resnet5@none"]), 10, SIXTEEN, seed=0)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("timm/convnext_tiny@fb_in22k", "has 21841 classes, but the data have 1000"),
        ("torchvision/vgg16@IMAGENET1K_FEATURES", "hold no classification layer; fine-tune them first"),
        ("timm/vit_small_patch16_224@dino", "hold no classification layer"),
    ],
)
def test_published_weights_of_other_classes_are_refused_before_they_are_downloaded(model, message, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", pytest.fail)
    monkeypatch.setattr(torch.hub, "download_url_to_file", pytest.fail)
    with pytest.raises(UserError, match=message):
        load_models(find_sources([model]), 1000, Geometry(), seed=0)


def test_a_file_without_a_classification_layer_is_refused(tmp_path):
    state = create_backbone("tiny_resnet", None, 7).network.state_dict()
    torch.save({key: value for key, value in state.items() if not key.startswith("fc.")}, tmp_path / "features.pth")
    with pytest.raises(UserError, match="the weights of model tiny_resnet hold no classification layer"):
        load_models(find_sources([f"tiny_resnet@{tmp_path / 'features.pth'}"]), 7, SIXTEEN, seed=0)


def test_an_entry_of_a_file_can_be_chosen(tmp_path):
    states = [create_backbone("tiny_resnet", None, 7).network.state_dict() for _ in range(2)]
    torch.save(dict(zip(("state_dict", "state_dict_ema"), states, strict=True)), tmp_path / "both.pth")
    path = tmp_path / "both.pth"
    sources = find_sources([f"plain=tiny_resnet@{path}", f"ema=tiny_resnet@{path}#state_dict_ema+shift_average"])
    for model, state in zip(load_models(sources, 7, SIXTEEN, seed=0), states, strict=True):
        assert torch.equal(model.classifier.backbone.fc.weight, state["fc.weight"])
    assert run_fingerprint(sources[:1], [], {}) != run_fingerprint(sources[1:], [], {})


def test_a_checkpoint_is_read_once(save_run, monkeypatch):
    paths = [str(save_run("plain")), str(save_run("aa", mitigations=["blurpool"]))]
    read, reader = [], checkpoint.read_torch_file
    monkeypatch.setattr(checkpoint, "read_torch_file", lambda path: read.append(str(path)) or reader(path))
    sources = find_sources(paths)
    first = load_models(sources, 10, Geometry(), seed=0)
    assert read == paths
    # Nothing is held twice, and who asks again is answered.
    assert [source.content for source in sources] == [{}, {}]
    images = torch.rand(1, 3, 16, 16)
    for model, again in zip(first, load_models(sources, 10, Geometry(), seed=0), strict=True):
        assert torch.equal(model.classifier(images), again.classifier(images))
