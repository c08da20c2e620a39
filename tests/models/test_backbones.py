import logging
import urllib.request
from urllib.error import URLError

import huggingface_hub
import pytest
import torch
import torchvision

from lit_invariance.errors import UserError
from lit_invariance.models.backbones import BUILT_IN, create_backbone, preprocessing_of
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
    head = made.network.get_submodule(made.head)
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
    """The published files hold auxiliary classifiers, and inputs are scaled anew as those weights expect."""
    published = torchvision.models.get_model(name, weights=None, init_weights=False, transform_input=True).eval()
    torch.save(published.state_dict(), tmp_path / "published.pth")
    network = create_backbone(f"torchvision/{name}", str(tmp_path / "published.pth"), 1000).network
    images = torch.randn(2, 3, 96, 96)
    torch.testing.assert_close(network.eval()(images), published(images))
    assert network.train()(images).shape == (2, 1000)


def test_a_new_head_is_told(tmp_path, caplog):
    torch.save(create_backbone("tiny_resnet", None, 7).network.state_dict(), tmp_path / "seven.pth")
    with caplog.at_level(logging.INFO, logger="pytorch_lightning"):
        create_backbone("tiny_resnet", str(tmp_path / "seven.pth"), 10)
    assert "another number of classes" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="pytorch_lightning"):
        create_backbone("tiny_resnet", str(tmp_path / "seven.pth"), 7)
    assert "classes" not in caplog.text
