import re
import urllib.request
from urllib.error import URLError

import huggingface_hub
import pytest
import timm
import torch
import torchvision

from lit_invariance.errors import UserError
from lit_invariance.models.backbones import create_backbone, preprocessing_of, published_classes
from lit_invariance.models.libraries import BUILT_IN
from lit_invariance.models.timm_networks import timm_network
from lit_invariance.models.torchvision_networks import published_name

# The networks of the paper and of this project's configs; 75 px is the least that InceptionResNetV2 takes.
NETWORKS = [
    "torchvision/vgg16",
    "torchvision/resnet50",
    "torchvision/densenet121",
    "torchvision/densenet201",
    "torchvision/mobilenet_v2",
    "torchvision/squeezenet1_1",
    "timm/inception_resnet_v2",
    "timm/resnet18.a1_in1k",
    "antialiased_cnns/resnet18",
    *BUILT_IN,
]


@pytest.mark.parametrize("name", NETWORKS)
def test_builds_with_a_head_of_its_own_and_runs(name):
    made = create_backbone(name, None, num_classes=7)
    with torch.inference_mode():
        logits = made.network.eval()(torch.randn(2, 3, 96, 96))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()
    head = made.network.get_submodule(made.heads[0])
    assert head.weight.shape[0] == 7


def test_normalisation_is_the_network_s_own():
    assert preprocessing_of("timm/inception_resnet_v2", None).mean == (0.5, 0.5, 0.5)
    assert create_backbone("torchvision/resnet18", None, 7).preprocessing.mean == (0.485, 0.456, 0.406)


def test_local_weights_keep_the_features_and_renew_the_head(tmp_path):
    published = create_backbone("torchvision/mobilenet_v2", None, 1000).network
    torch.save(published.state_dict(), tmp_path / "w.pth")
    same = create_backbone("torchvision/mobilenet_v2", str(tmp_path / "w.pth"), 1000).network
    assert all(torch.equal(a, b) for a, b in zip(same.parameters(), published.parameters(), strict=True))
    other = create_backbone("torchvision/mobilenet_v2", str(tmp_path / "w.pth"), 10).network
    assert torch.equal(other.features[0][0].weight, published.features[0][0].weight)
    assert other.classifier[1].weight.shape == (10, 1280)


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(create_backbone("tiny_resnet", None, 10).network.state_dict(), tmp_path / "w.pth")
    with pytest.raises(UserError, match="do not fit torchvision/resnet18: .* missing .* of another shape"):
        create_backbone("torchvision/resnet18", str(tmp_path / "w.pth"), 10)


def test_real_weights_know_real_pictures(shared_data):
    made = create_backbone("torchvision/mobilenet_v2", str(shared_data / "weights/mobilenet_v2-eadb7c0d.pth"), 1000)
    assert made.network.classifier[1].weight.shape == (1000, 1280)


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("torchvision/resnet5O", None, "unknown backbone 'torchvision/resnet5O'; did you mean .*torchvision/resnet50"),
        ("timm/resnet1", None, "unknown backbone 'timm/resnet1'; did you mean"),
        ("timm/resnet18.nonsense", None, "unknown weights tag of timm/resnet18 'nonsense'; "),
        ("antialiased_cnns/resnet19", None, "did you mean .*antialiased_cnns/resnet18"),
        ("resnet50", None, "unknown backbone 'resnet50'; did you mean .*/resnet50"),
        ("torchvision/fasterrcnn_resnet50_fpn", None, "unknown backbone"),
        ("tiny_resnet", "default", "no published weights"),
        (
            "torchvision/resnet18",
            "IMAGENET1K_V9",
            "unknown weights of torchvision/resnet18 .*did you mean IMAGENET1K_V1",
        ),
        ("timm/resnet18", "a1_in2k", "did you mean .*a1_in1k"),
        ("antialiased_cnns/resnet18", "IMAGENET1K_V1", "known are default"),
        ("torchvision/resnet18", "missing.pth", "there is no file 'missing.pth'"),
    ],
)
def test_wrong_names_get_the_nearest(name, weights, message):
    with pytest.raises(UserError, match=message):
        create_backbone(name, weights, 10)


@pytest.mark.parametrize("library", ["torchvision", "timm", "antialiased_cnns"])
def test_without_a_network_the_error_says_which_file_to_put_where(library, monkeypatch, tmp_path):
    def offline(*args, **kwargs):
        raise URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    monkeypatch.setattr(torch.hub, "urlopen", offline)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", offline)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UserError, match="cannot be downloaded") as error:
        create_backbone(f"{library}/resnet18", "default", 1000)
    assert {"torchvision": str(tmp_path), "timm": "model.safetensors", "antialiased_cnns": "local file"}[
        library
    ] in str(error.value)


@pytest.mark.parametrize(
    ("name", "weights", "expected"),
    [
        ("torchvision/vgg16", "default", "IMAGENET1K_V1"),
        ("torchvision/resnet50", "default", "IMAGENET1K_V2"),
        ("torchvision/resnet50", "IMAGENET1K_V1", "IMAGENET1K_V1"),
        ("torchvision/mobilenet_v2", "somewhere/mobilenet_v2-b0353104.pth", "IMAGENET1K_V1"),
        ("torchvision/mobilenet_v2", "own.pth", None),
        ("torchvision/mobilenet_v2", None, None),
        ("timm/resnet50", "default", None),
        ("tiny_resnet", "own.pth", None),
    ],
)
def test_published_weights_are_known_by_name_or_file(name, weights, expected):
    assert published_name(name, weights) == expected


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_inception_networks_answer_with_logits_and_take_the_published_weights(name, tmp_path):
    """The published files hold auxiliary classifiers, and inputs are rescaled as those weights expect."""
    published = torchvision.models.get_model(name, weights=None, init_weights=False, transform_input=True).eval()
    torch.save(published.state_dict(), tmp_path / "published.pth")
    network = create_backbone(f"torchvision/{name}", str(tmp_path / "published.pth"), 1000).network
    images = torch.randn(2, 3, 96, 96)
    torch.testing.assert_close(network.eval()(images), published(images))
    assert network.train()(images).shape == (2, 1000)


def as_published(state):
    """The state dict of a DenseNet under the names of the published files, which hold no counters of batches."""
    pointed = {re.sub(r"(norm|conv)([12])\.(\w+)$", r"\1.\2.\3", key): value for key, value in state.items()}
    return {key: value for key, value in pointed.items() if not key.endswith("num_batches_tracked")}


@pytest.mark.parametrize("library", ["torchvision", "antialiased_cnns", "timm"])
def test_a_densenet_takes_the_names_of_its_published_file(library, tmp_path):
    source = create_backbone(f"{library}/densenet121", None, 1000).network.state_dict()
    torch.save(as_published(source), tmp_path / "densenet121.pth")
    made = create_backbone(f"{library}/densenet121", str(tmp_path / "densenet121.pth"), 1000)
    loaded = made.network.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in source.items())
    assert made.trained_classes == 1000


def test_files_older_than_the_counters_of_batches_load(tmp_path):
    source = torchvision.models.resnet18()
    state = {key: value for key, value in source.state_dict().items() if not key.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "w.pth")
    loaded = create_backbone("torchvision/resnet18", str(tmp_path / "w.pth"), 1000).network
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), source.parameters(), strict=True))


@pytest.mark.parametrize("metadata", [True, False])
def test_mnasnet_loads_with_and_without_the_version_it_was_saved_by(metadata, tmp_path):
    source = torchvision.models.mnasnet0_5()
    state = source.state_dict()
    torch.save(state if metadata else {f"module.{key}": value for key, value in state.items()}, tmp_path / "w.pth")
    loaded = create_backbone("torchvision/mnasnet0_5", str(tmp_path / "w.pth"), 1000).network
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), source.parameters(), strict=True))


def test_timm_converts_the_files_of_a_network_s_authors(tmp_path):
    """Witness: ConvNeXt's authors name stages and stem as downsample_layers, which timm's own filter renames."""
    network = create_backbone("timm/convnext_atto", None, 10).network
    state = network.state_dict()

    def original(key):
        key = re.sub(r"^stem\.(\d)", r"downsample_layers.0.\1", key)
        key = re.sub(r"^stages\.(\d)\.downsample\.(\d)", r"downsample_layers.\1.\2", key)
        key = re.sub(r"^stages\.(\d)\.blocks\.(\d)", r"stages.\1.\2", key)
        key = key.replace("conv_dw", "dwconv").replace("mlp.fc", "pwconv")
        return re.sub(r"^head\.(fc|norm)", lambda found: {"fc": "head", "norm": "norm"}[found[1]], key)

    content = {original(key): value for key, value in state.items()}
    assert len(content.keys() - state.keys()) > 50
    torch.save({"model": content}, tmp_path / "w.pth")
    loaded = create_backbone("timm/convnext_atto", str(tmp_path / "w.pth"), 10).network.state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


@pytest.mark.parametrize("name", ["timm/deit_tiny_distilled_patch16_224", "timm/levit_128s"])
def test_networks_with_two_heads_get_both_anew(name, tmp_path):
    source = create_backbone(name, None, 10)
    assert len(source.heads) == 2
    torch.save(source.network.state_dict(), tmp_path / "w.pth")
    made = create_backbone(name, str(tmp_path / "w.pth"), 7)
    assert (made.heads, made.trained_classes, made.new_head) == (source.heads, 10, True)
    assert [made.network.get_submodule(head).out_features for head in made.heads] == [7, 7]


def test_a_tag_decides_on_the_network_and_its_classes():
    """Witness: timm's configuration of the tags."""
    assert published_classes("timm/resnet18", "a1_in1k") == 1000
    assert timm.get_pretrained_cfg("convnext_tiny.fb_in22k").num_classes == 21841
    assert published_classes("timm/convnext_tiny", "fb_in22k") == 21841
    assert published_classes("torchvision/resnet18", "default") == 1000
    assert published_classes("torchvision/vgg16", "IMAGENET1K_FEATURES") == 0
    assert published_classes("torchvision/resnet18", "own.pth") is None
    assert published_classes("tiny_resnet", None) is None


def test_weights_without_a_classification_layer_get_one(tmp_path, caplog):
    state = create_backbone("tiny_resnet", None, 7).network.state_dict()
    torch.save({key: value for key, value in state.items() if not key.startswith("fc.")}, tmp_path / "features.pth")
    made = create_backbone("tiny_resnet", str(tmp_path / "features.pth"), 7)
    assert (made.trained_classes, made.new_head) == (0, True)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("legacy_seresnet18", "are not on its hub; download https://.*/seresnet18-.*.pth and give weights as the path"),
        ("botnet50ts_256", "timm publishes no weights for botnet50ts_256; give"),
    ],
)
def test_timm_s_weights_that_are_not_on_its_hub(model, message):
    with pytest.raises(UserError, match=message):
        timm_network(model, "default").published()
