import json

import numpy as np
import pytest
import scipy.fft
import torch
from torch import nn
from torchvision.models import mobilenet_v2, resnet18

from lit_invariance.diagnostics.aliasing import aliased_energy, dense_output, measure_aliasing
from lit_invariance.mitigations import antialias, polyphase
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d
from lit_invariance.protocols import CentreCrop


@pytest.mark.parametrize("stride", [(2, 2), (4, 4), (2, 1)])
def test_white_noise_is_aliased_in_proportion_to_what_is_dropped(stride):
    maps = torch.from_numpy(np.random.default_rng(0).normal(size=(200, 2, 16, 16)))
    aliased, total = aliased_energy(maps, stride)
    kept = 256 // (stride[0] * stride[1])
    assert float(aliased.sum() / total.sum()) == pytest.approx((256 - kept) / 255, abs=0.006)


def test_spectrum_is_scipys():
    maps = np.random.default_rng(1).random((2, 3, 11, 14))
    spectrum = scipy.fft.dctn(maps, axes=(2, 3), norm="ortho") ** 2
    spectrum[..., 0, 0] = 0
    expected = spectrum.sum((2, 3)) - spectrum[..., :6, :7].sum((2, 3))
    aliased, total = aliased_energy(torch.from_numpy(maps), (2, 2))
    np.testing.assert_allclose(total, spectrum.sum((2, 3)))
    np.testing.assert_allclose(aliased, expected)


def test_band_limited_map_is_not_aliased():
    places = np.pi * (np.arange(16) + 0.5) / 16
    low = np.cos(7 * places)[:, None] * np.cos(5 * places) + 3
    high = np.cos(8 * places)[:, None] * np.cos(5 * places)
    maps = torch.from_numpy(np.stack([low, high, low + high]))[None]
    aliased, total = aliased_energy(maps, (2, 2))
    np.testing.assert_allclose((aliased / total)[0], [0, 1, 0.5], atol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.AvgPool2d(2),
        BlurPool2d(4),
    ],
)
def test_every_second_sample_of_the_dense_output_is_the_output(layer):
    maps = torch.rand(2, 3, 24, 24)
    torch.testing.assert_close(dense_output(layer, maps)[..., ::2, ::2], layer(maps))
    assert layer.stride in (2, (2, 2))


class _Subsample(nn.Module):
    """Keeps every second row and every third column, of which the generic way knows nothing."""

    stride = (2, 3)

    def forward(self, maps):
        return maps[..., ::2, ::3]


def test_unknown_layer_is_run_once_for_each_phase():
    maps = torch.rand(2, 3, 12, 12)
    torch.testing.assert_close(dense_output(_Subsample(), maps), maps)


def test_network_alias_less_with_blur_and_names_are_those_of_its_layers(noise_batches):
    torch.manual_seed(0)
    network = resnet18().eval()
    batches = noise_batches(4, 64)
    before = measure_aliasing(network, network, batches, CentreCrop(size=64))
    names = ["conv1", "maxpool"] + [f"layer{n}.0.{part}" for n in (2, 3, 4) for part in ("conv1", "downsample.0")]
    assert [place["operation"] for place in before["operations"]] == names
    assert [place["factor"] for place in before["operations"]] == [1, 2, 4, 4, 8, 8, 16, 16]
    assert before["unseen"] == []
    antialias(network, taps=5)
    after = measure_aliasing(network, network, batches, CentreCrop(size=64))
    assert len(after["operations"]) == len(names)
    blurred = zip(before["operations"][1:], after["operations"][1:], strict=True)
    assert all(new["aliased"] < 0.5 * old["aliased"] for old, new in blurred)
    assert json.loads(json.dumps(after)) == after


def test_phases_are_chosen_among_the_samples_that_alias(noise_batches):
    """Every stride of ResNet-18 ends in a choice of a phase, two of them in one that follows another's."""
    torch.manual_seed(0)
    network, batches = resnet18().eval(), noise_batches(2, 64)
    before = measure_aliasing(network, network, batches, CentreCrop(size=64))
    polyphase(network)
    picture = torch.rand(1, 3, 64, 64)
    answer = network(picture)
    after = measure_aliasing(network, network, batches, CentreCrop(size=64))
    assert len(after["operations"]) == len(before["operations"]) == 8
    assert {operation["kind"] for operation in after["operations"]} == {"KeepPhase"}
    assert all(operation["aliased"] > 0 for operation in after["operations"])
    # No filter has changed, so that the first stride, which sees the pictures, aliases what it did.
    assert after["operations"][0]["aliased"] == pytest.approx(before["operations"][0]["aliased"], rel=1e-5)
    assert torch.equal(network(picture), answer)


def test_blocks_that_note_a_stride_are_no_operations(noise_batches):
    network = mobilenet_v2().eval()
    operations = measure_aliasing(network, network, noise_batches(1, 64), CentreCrop(size=64))["operations"]
    assert {place["kind"] for place in operations} == {"Conv2d"}
    assert len(operations) == 5


def test_function_calls_are_named(noise_batches):
    class Net(nn.Module):
        def forward(self, images):
            return nn.functional.max_pool2d(images, 2)

    network = Net()
    result = measure_aliasing(network, network, noise_batches(1, 8), CentreCrop(size=8))
    assert (result["operations"], result["unseen"]) == ([], ["max_pool2d"])
    with pytest.raises(ValueError, match="at least one image"):
        measure_aliasing(network, network, [], CentreCrop(size=8))
