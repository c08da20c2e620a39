import math

import pytest
import torch
from torch import nn

from lit_invariance.diagnostics.equivariance import lie_derivative, measure_equivariance
from lit_invariance.diagnostics.motion_sections import equivariance_section
from lit_invariance.protocols import CentreCrop


def error(layer, maps, **options):
    with torch.no_grad():
        broken, whole = lie_derivative(layer, maps, **options)
    return float(broken.norm() / whole.norm())


def cosines(index, size=32, columns=4):
    """Half a cosine more for each index, which its mirror image continues; a row's frequency is index / (2 size)."""
    rows = torch.cos(math.pi / size * index * (torch.arange(size, dtype=torch.float64) + 0.5))
    return rows[None, None, :, None].expand(1, 1, size, columns).contiguous()


def test_a_filter_without_a_stride_has_none():
    generator = torch.Generator().manual_seed(0)
    layer = nn.Conv2d(3, 5, 3, padding=1, padding_mode="circular").double()
    maps = torch.randn(2, 3, 32, 32, generator=generator, dtype=torch.float64)
    assert error(layer, maps) < 1e-12
    assert error(nn.Sequential(layer, nn.BatchNorm2d(5).double().eval()), maps) < 1e-12


def test_a_layer_that_moves_its_input_is_equivariant():
    maps = torch.randn(1, 2, 32, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert error(lambda doubled: doubled.roll(3, 2), maps) < 1e-12


@pytest.mark.parametrize("index", [1, 7, 15])
def test_a_stride_has_none_below_its_limit(index):
    assert error(lambda doubled: doubled[:, :, ::2], cosines(index)) < 1e-9


@pytest.mark.parametrize("index", [17, 20, 26])
def test_a_stride_by_hand_above_its_limit(index):
    """The frequency w becomes w - pi: moved back by its own, of the phase's speed w there remains pi.

    The sums of squares of both sines over the rows that count are nearly those of whole periods.
    """
    w = math.pi * index / 32
    assert error(lambda doubled: doubled[:, :, ::2], cosines(index), step=1e-4) == pytest.approx(math.pi / w, rel=0.08)


def test_an_activation_has_one_where_it_folds_frequencies():
    """Squares double a frequency: below a quarter of the sampling rate the map carries it, above it does not."""
    assert error(torch.square, cosines(12)) < 1e-9
    assert error(torch.square, cosines(20)) > 0.5
    assert error(torch.relu, cosines(20)) > 0.1


@pytest.fixture
def measured(noise_batches):
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(4),
        nn.Conv2d(4, 4, 3, stride=2, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    ).eval()
    found = measure_equivariance(network, network, noise_batches(6, 32), CentreCrop(size=32))
    assert network[1].inplace
    return found


def test_layers_of_a_network(measured):
    layers = {layer["layer"]: layer for layer in measured["layers"]}
    assert {name: (layer["kind"], layer["factor"]) for name, layer in layers.items()} == {
        "0": ("filter", 1.0),
        "1": ("nonlinear", 1.0),
        "2": ("strided", 1.0),
        "4": ("strided", 2.0),
    }
    assert layers["0"]["error"] < 0.05  # what zeros at the border leave in the middle
    assert min(layers[name]["error"] for name in ("1", "2", "4")) > 0.1


def test_the_finding_names_the_worst_layer(measured):
    worst = max(measured["layers"], key=lambda layer: layer["error"])
    (finding,) = equivariance_section({"net": measured}).findings
    assert f"greatest at {worst['layer']} ({worst['error']:.2f}, subsampled" in finding
    kinds = ("strided layers", "filters without a stride", "activations and such")
    assert all(f"{kind} 0." in finding or f"{kind} 1." in finding for kind in kinds)


@pytest.mark.parametrize(
    ("layer", "kind"),
    [(nn.MaxPool2d(3, 1, 1), "nonlinear"), (nn.AvgPool2d(3, 1, 1), "filter"), (nn.GELU(), "nonlinear")],
)
def test_kinds(layer, kind, noise_batches):
    network = nn.Sequential(layer)
    found = measure_equivariance(network, network, noise_batches(1, 16), CentreCrop(size=16))
    assert [one["kind"] for one in found["layers"]] == [kind]


def test_no_image():
    with pytest.raises(ValueError, match="at least one image"):
        measure_equivariance(nn.Identity(), nn.Identity(), [], CentreCrop(size=32))
