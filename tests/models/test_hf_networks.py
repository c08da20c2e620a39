import json
import sys

import pytest
import torch
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.models import hub
from lit_invariance.models.backbones import create_backbone, preprocessing_of, published_class_names, published_classes

CLASSES = ["cat", "dog", "emu"]


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A small ResNet of transformers with the processor of ViT, as `save_pretrained` writes them."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", id2label=dict(enumerate(CLASSES))
    )
    network = transformers.ResNetForImageClassification(config).eval()
    folder = tmp_path_factory.mktemp("hf") / "net"
    network.save_pretrained(folder)
    size = {"height": 40, "width": 40}
    transformers.ViTImageProcessor(size=size, image_mean=[0.1, 0.2, 0.3], image_std=[0.4, 0.5, 0.6]).save_pretrained(
        folder
    )
    return folder, network


def test_the_network_answers_as_in_transformers(saved):
    folder, network = saved
    made = create_backbone(f"hf/{folder}", "default", 3, image_size=40)
    images = torch.rand(2, 3, 40, 40)
    with torch.no_grad():
        assert torch.equal(made.network.eval()(images), network(images).logits)
    assert (made.trained_classes, made.new_head) == (3, False)
    assert list(made.network.state_dict()) == list(network.state_dict())


def test_its_processor_and_its_classes_are_read(saved):
    name = f"hf/{saved[0]}"
    read = preprocessing_of(name, "default")
    assert (read.mean, read.size, read.crop_pct, read.crop_mode) == ((0.1, 0.2, 0.3), 40, 1.0, "squash")
    assert published_class_names(name, "default") == CLASSES
    assert (published_classes(name, "default"), published_classes(name, None)) == (3, None)


def test_another_number_of_classes_gets_a_new_layer(saved):
    folder, network = saved
    made = create_backbone(f"hf/{folder}", "default", 5)
    assert made.new_head
    assert isinstance(made.network.get_submodule(made.heads[0]), nn.Linear)
    assert torch.equal(next(made.network.parameters()), next(network.parameters()))
    assert made.network(torch.rand(2, 3, 40, 40)).shape == (2, 5)


def test_weights_that_are_not_whole_are_refused(saved, tmp_path):
    folder, network = saved
    for file in ("config.json", "preprocessor_config.json"):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    from safetensors.torch import save_file

    state = {key: value for key, value in network.state_dict().items() if not key.startswith("classifier")}
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="lack 2 of its parameters .classifier.*; name a network that was trained"):
        create_backbone(f"hf/{tmp_path}", "default", 3)


def test_what_is_not_there_is_one_sentence(saved, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_bytes((saved[0] / "config.json").read_bytes())
    with pytest.raises(UserError, match="preprocessor_config.json of hf/.* cannot be read .*; write both"):
        create_backbone(f"hf/{tmp_path}", "default", 3)
    with (
        hub.from_disk(),
        pytest.raises(UserError, match="config.json of hf/nobody/nothing .*'hf download nobody/no"),
    ):
        create_backbone("hf/nobody/nothing", "default", 3)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"needs transformers, which is not installed; .*lit-invariance\[hf\]"):
        create_backbone(f"hf/{saved[0]}", "default", 3)


def test_other_networks_of_transformers_are_refused(saved, tmp_path):
    for file in ("config.json", "preprocessor_config.json"):
        (tmp_path / file).write_bytes((saved[0] / file).read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "sam"}))
    with pytest.raises(UserError, match="is not an image classifier"):
        create_backbone(f"hf/{tmp_path}", None, 3)
