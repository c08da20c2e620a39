from contextlib import nullcontext

import pytest
import torch
from torch import nn

from lit_invariance.evaluation import cost
from lit_invariance.evaluation.cost import LiveBytes, measure_cost
from lit_invariance.results.schema import CostEntry
from lit_invariance.training.classifier import LitClassifier


@pytest.fixture(autouse=True)
def few_passes(monkeypatch):
    monkeypatch.setattr(cost, "SECONDS", 0.0)


def measured(network, size=16):
    classifier = LitClassifier("tiny_resnet", num_classes=10, image_size=size)
    classifier.backbone = network
    return measure_cost(classifier.eval(), torch.device("cpu"), nullcontext())


def test_multiplications_by_hand():
    """Strided, grouped, pointwise convolution and a linear layer: outputs times weights of an output."""
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),  # 8 x 8 x 8 outputs of 27 weights
        nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False),  # 8 x 8 x 8 of 25
        nn.ReLU(),
        nn.Conv2d(8, 4, 1),  # 4 x 8 x 8 of 8
        nn.Flatten(),
        nn.Linear(256, 10),  # 10 of 256
    )
    assert measured(network)["macs"] == 512 * 27 + 512 * 25 + 256 * 8 + 10 * 256


def test_a_published_number():
    """ResNet50 at 224: 4.09 billion, as torchvision states for its weights."""
    network = LitClassifier("torchvision/resnet50", num_classes=1000).eval()
    with torch.no_grad():
        assert cost._macs(network, torch.zeros(1, 3, 224, 224)) / 1e9 == pytest.approx(4.09, abs=0.01)


class Wide(nn.Module):
    """Makes maps of 4 and 12 times the input's bytes, which are alive together, then one of 1."""

    def forward(self, images):
        four = torch.cat([images] * 4, dim=1)
        twelve = torch.cat([four] * 3, dim=1)
        del four
        return twelve[:, :3].contiguous().flatten(1)


def test_peak_of_live_tensors_by_hand():
    entry = measured(Wide())
    view = 8 * 3 * 16 * 16 * 4
    # Two maps of normalisation may still be held when the first map is made: images, and their channels_last copy.
    normalised = 6 * 4  # mean and standard deviation, buffers of the classifier
    alone = entry["peak_bytes"] - view - normalised
    assert 16 * view <= alone <= 18 * view
    assert entry["peak_method"] == "tensors"


def test_live_bytes_forgets_what_is_freed_and_counts_views_once():
    given = torch.zeros(1000)
    with torch.no_grad(), LiveBytes() as live:
        one = given + 1
        two = one.view(10, 100) + 1
        del one
        three = two.add_(1) + 1
        del two
        four = three + 1
    assert live.peak == 8000
    assert four.sum() == 5000


def test_fields_and_the_model_left_alone():
    classifier = LitClassifier("tiny_resnet", num_classes=10, image_size=16).eval()
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    entry = measure_cost(classifier, torch.device("cpu"), nullcontext())
    assert entry.keys() == CostEntry.__annotations__.keys()
    assert entry["latency_ms"] > 0
    assert (entry["batch"], entry["threads"]) == (8, torch.get_num_threads())
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_the_allocator_is_asked():
    classifier = LitClassifier("tiny_resnet", num_classes=10, image_size=64).eval()
    on_cpu = measure_cost(classifier, torch.device("cpu"), nullcontext())
    entry = measure_cost(classifier, torch.device("cuda"), nullcontext())
    assert (entry["peak_method"], entry["threads"], entry["batch"]) == ("allocator", None, 32)
    assert entry["macs"] == on_cpu["macs"]
    assert entry["peak_bytes"] > 2 * on_cpu["peak_bytes"]
    assert next(classifier.parameters()).device.type == "cpu"
