import json

import huggingface_hub
import pytest
import timm
import torch
from timm.models import save_for_hf

from lit_invariance.errors import UserError
from lit_invariance.models.backbones import create_backbone, preprocessing_of, published_class_names, published_classes

CFG = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "input_size": (3, 64, 64), "crop_pct": 0.9}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A network with an argument of its own, as timm saves it for the hub."""
    torch.manual_seed(0)
    network = timm.create_model(
        "resnet10t", num_classes=3, stem_width=16, channels=(8, 16, 16, 32), pretrained_cfg_overlay=CFG
    ).eval()
    folder = tmp_path_factory.mktemp("timm")
    config = {"label_names": ["cat", "dog", "emu"]}
    save_for_hf(
        network,
        folder,
        model_config=config,
        model_args={"stem_width": 16, "channels": (8, 16, 16, 32)},
        safe_serialization=True,
    )
    return folder, network


@pytest.fixture(params=["local-dir", "hf-hub"])
def name(request, saved, monkeypatch):
    if request.param == "local-dir":
        return f"timm/local-dir:{saved[0]}"
    # The hub itself is out of a test's reach.
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda repository, file, **_: str(saved[0] / file))
    return "timm/hf-hub:owner/net"


def test_the_network_is_the_saved_one(name, saved):
    made = create_backbone(name, "default", 3, image_size=64)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(made.network.eval()(images), saved[1](images))
    assert not made.new_head
    assert create_backbone(name, "default", 4).new_head


def test_its_file_says_what_it_expects(name):
    read = preprocessing_of(name, "default")
    assert (read.mean, read.std, read.size, read.crop_pct) == (CFG["mean"], CFG["std"], 64, 0.9)
    assert published_classes(name, "default") == 3
    assert published_class_names(name, "default") == ["cat", "dog", "emu"]


def test_mistakes(saved, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "resnet1O"}))
    for name, message in (
        ("timm/hub:owner/net", "unknown beginning of timm/ 'hub:'; did you mean hf-hub:"),
        (f"timm/local-dir:{tmp_path / 'none'}", "there is no config.json in"),
        (f"timm/local-dir:{tmp_path}", "unknown network of timm, in config.json .* 'resnet1O'; did you mean resnet"),
    ):
        with pytest.raises(UserError, match=message):
            create_backbone(name, "default", 3)
