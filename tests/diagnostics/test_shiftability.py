import json
from statistics import NormalDist

import numpy as np
import pytest
import torch
from torch import nn

from lit_invariance.data.batch import Batch
from lit_invariance.data.images import decode
from lit_invariance.diagnostics.circular_sweep import CircularSweep
from lit_invariance.diagnostics.feature_maps import extreme_positions, show_feature_map
from lit_invariance.diagnostics.shiftability import measure_shiftability, non_shiftability
from lit_invariance.errors import UserError
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d
from lit_invariance.protocols import SweepInpaint
from lit_invariance.training.classifier import LitClassifier


def test_strided_identity_departs_on_white_noise_as_computed(noise_batches, subsampling):
    """S is the sum of n samples of a byte's uniform law, mean 1/2 and variance 1/12; its s phases share one mean."""
    size, stride, images = 16, 4, 150
    result = measure_shiftability(
        network := subsampling(stride),
        network,
        noise_batches(images, size),
        CircularSweep(size=size, positions=16),
        layers=["0"],
    )
    kept = (size // stride) ** 2
    deviation = np.sqrt(kept / 12 * (1 - 1 / stride))
    expected = 200 * (1 - NormalDist(0, deviation).cdf(0.2 * kept / 2))
    (layer,) = result["layers"]
    assert layer["factor"] == stride
    assert layer["maps"] == [0, 1, 2]
    assert expected == pytest.approx(10.96, abs=0.01)
    error = 100 * np.sqrt(0.11 * 0.89 / (3 * images * stride))
    assert layer["mean"] == pytest.approx(expected, abs=3.5 * error)


def test_strided_identity_agrees_with_the_lattices_summed_by_hand(noise_batches, subsampling):
    batches, stride = noise_batches(3, 16), 4
    network = subsampling(stride)
    result = measure_shiftability(network, network, batches, CircularSweep(size=16, positions=8), layers=["0"])
    shares = []
    for image in batches[0].images:
        values = image.numpy() / 255
        sums = np.array([[values[c, (-d) % stride :: stride, ::stride].sum() for c in range(3)] for d in range(8)])
        shares.append(100 * (np.abs(sums / sums.mean(0) - 1) > 0.2).mean(0))
    assert result["layers"][0]["non_shiftability"] == pytest.approx(np.mean(shares, axis=0))
    first = batches[0].images[0].numpy()[0] / 255
    assert result["curves"][0]["responses"][1] == pytest.approx(first[3::4, ::4].sum(), rel=1e-6)


def test_band_limited_layer_is_shiftable(subsampling):
    """Waves of at most 3 periods on 16 samples, kept at every second: nothing is aliased, so S never changes."""
    places = 2 * np.pi * np.arange(16) / 16
    wave = 0.5 + 0.2 * np.cos(3 * places + 1)[:, None] * np.ones(16) + 0.2 * np.sin(2 * places)
    image = torch.tensor(wave, dtype=torch.float32).expand(3, 16, 16)
    batch = Batch([image], torch.tensor([0]), torch.tensor([0]))
    network, moves = subsampling(2), CircularSweep(size=16, positions=16)
    result = measure_shiftability(network, network, [batch], moves, layers=["0"], threshold=1e-5)
    assert result["layers"][0]["non_shiftability"] == [0, 0, 0]
    finer = torch.tensor(0.5 + 0.4 * np.cos(8 * places + 1)[:, None] * np.ones(16), dtype=torch.float32)
    batch = Batch([finer.expand(3, 16, 16)], torch.tensor([0]), torch.tensor([0]))
    aliased = measure_shiftability(network, network, [batch], moves, layers=["0"])
    assert aliased["layers"][0]["non_shiftability"] == [100, 100, 100]


def test_blur_brings_it_down(noise_batches):
    def share(layer):
        network = nn.Sequential(layer)
        moves = CircularSweep(size=16, positions=8)
        return measure_shiftability(network, network, noise_batches(20, 16), moves)["layers"][0]["mean"]

    assert share(BlurPool2d(7, 4, "circular")) < 0.5 < 5 < share(nn.MaxPool2d(1, stride=4))


def test_layers_are_found_and_named():
    shared = nn.ReLU(inplace=True)
    block = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.BatchNorm2d(12), shared)
    network = nn.Sequential(block, nn.MaxPool2d(2), shared, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    images = [Batch([torch.rand(3, 20, 20)], torch.tensor([0]), torch.tensor([0]))]
    moves = SweepInpaint(size=20)
    result = measure_shiftability(network, network, images, moves)
    # Signed maps, the block that only hands on, and maps of one position do not appear.
    assert [(layer["layer"], layer["factor"]) for layer in result["layers"]] == [("0.2", 1), ("1", 2), ("0.2#2", 2)]
    assert all(len(set(layer["maps"])) == 10 for layer in result["layers"])
    assert len(result["curves"]) == 2 * 10
    assert all(curve["steps"] == result["steps"] for curve in result["curves"])
    assert all(len(curve["responses"]) == len(result["steps"]) for curve in result["curves"])
    assert json.loads(json.dumps(result)) == result
    chosen = measure_shiftability(network, network, images, moves, layers=["0.1"])
    assert [layer["layer"] for layer in chosen["layers"]] == ["0.1"]
    with pytest.raises(UserError, match=r"unknown layer '0.7'; did you mean"):
        measure_shiftability(network, network, images, moves, layers=["0.7"])
    with pytest.raises(ValueError, match="at least one image"):
        measure_shiftability(network, network, [], moves)
    assert not any(module._forward_hooks for module in network.modules())


def test_real_network_loses_shiftability_with_depth(shared_data):
    weights = str(shared_data / "weights" / "squeezenet1_1-5b6a261a.pth")
    classifier = LitClassifier("torchvision/squeezenet1_1", weights).eval()
    files = sorted((shared_data / "imagenet_val").glob("*/*"))[::200]
    images = [decode(file) for file in files]
    batch = Batch(images, torch.zeros(len(images)), torch.arange(len(images)))
    layers = ["features.1", "features.4", "features.12"]
    result = measure_shiftability(classifier, classifier.backbone, [batch], CircularSweep(positions=8), layers=layers)
    first, middle, last = (layer["mean"] for layer in result["layers"])
    assert [round(layer["factor"], 1) for layer in result["layers"]] == [2.0, 4.1, 17.2]
    assert first < 5
    assert middle < 10
    assert last > 25


def test_dead_map_is_shiftable():
    assert non_shiftability(torch.zeros(5, 2)).tolist() == [0, 0]


def test_feature_map_is_that_of_the_layer(noise_batches, subsampling):
    network, image = subsampling(2), noise_batches(1, 16)[0].images[0]
    moves = CircularSweep(size=16, positions=4)
    shown = show_feature_map(network, network, image, moves, "0", 1, [0, 3])
    assert shown["steps"] == [0, 3]
    expected = np.roll(image.numpy()[1] / 255, 3, axis=0)[::2, ::2]
    np.testing.assert_allclose(shown["values"][1], expected, rtol=1e-6)
    assert shown["responses"][1] == pytest.approx(expected.sum(), rel=1e-6)
    assert extreme_positions([3.0, 1.0, 2.0, 9.0]) == [0, 1, 3]


def test_circular_positions_are_checked():
    with pytest.raises(ValueError, match="positions must be from 2 to the height of 16"):
        CircularSweep(size=16, positions=17)
