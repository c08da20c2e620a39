import numpy as np
import pytest
import torch
from torch import nn

from lit_invariance.diagnostics.circular_sweep import CircularSweep
from lit_invariance.diagnostics.motion_sections import periodicity_section
from lit_invariance.diagnostics.periodicity import measure_periodicity, moves, of_curves, spectrum

SIDE = 32


class Strided(nn.Module):
    """Keeps every s-th sample of a rectified map, and answers by its means."""

    def __init__(self, stride, chosen=False):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.filters = nn.Conv2d(3, 6, 3, padding=1, padding_mode="circular")
        with torch.no_grad():
            self.filters.weight.copy_(torch.randn(6, 3, 3, 3, generator=generator) / 3)
        self.stride, self.chosen = stride, chosen

    def forward(self, views):
        maps = self.filters(views).relu()
        phases = [maps[..., i :: self.stride, :] for i in range(self.stride)]
        if self.chosen:  # the phase of the greatest energy, whichever it is
            stacked = torch.stack(phases)
            best = stacked.square().sum((2, 3, 4)).argmax(0)
            kept = stacked[best, torch.arange(len(views))]
        else:
            kept = phases[0]
        return 20 * kept.mean((2, 3))


@pytest.fixture
def peaks(noise_batches):
    def measure(network, longest=8):
        sweep = CircularSweep(size=SIDE, positions=SIDE)
        with torch.no_grad():
            measured = measure_periodicity(network.eval(), noise_batches(12, SIDE), sweep)
        assert [peak["stride"] for peak in measured["strides"]] == [2, 4, 8]
        return measured, {peak["stride"]: peak["height"] for peak in measured["strides"]}

    return measure


@pytest.mark.parametrize("stride", [4, 8])
def test_a_stride_has_its_period_and_no_longer_one(peaks, stride):
    measured, heights = peaks(Strided(stride))
    assert heights[stride] > 1e4
    assert all(heights[longer] < 1 for longer in heights if longer > stride)
    # Between the frequencies of the stride nothing moves.
    others = [power for k, power in enumerate(measured["powers"], 1) if k % (SIDE // stride)]
    assert max(others) < 1e-9 * max(measured["powers"])
    (finding,) = periodicity_section({"net": measured}).findings
    assert f"{stride} px (" in finding
    assert f"{2 * stride} px (" not in finding


def test_after_exact_invariance_nothing_moves(peaks):
    measured, heights = peaks(Strided(8, chosen=True))
    assert measured["moving"] < 1e-6
    assert set(heights.values()) == {None}
    assert periodicity_section({"net": measured}).findings == [
        "net: over 32 moves the probability of the answer does not vary."
    ]


def test_a_change_without_a_period_has_no_peak():
    curves = np.random.default_rng(0).random((200, 224))
    assert all(0.7 < peak["height"] < 1.4 and peak["low"] < 1.2 for peak in of_curves(curves, 224, 0)["strides"])


def test_power_of_a_sine_by_hand():
    """A quarter of the amplitude's square at its own frequency; of the fastest, the square; the mean has none."""
    places = np.arange(224)
    curves = np.stack([3 + 0.2 * np.cos(2 * np.pi * places / 8 + 1), 0.5 + 0.1 * (-1.0) ** places])
    powers = spectrum(curves)
    assert powers.shape == (2, 112)
    assert powers[0, 27] == pytest.approx(0.01)
    assert powers[1, 111] == pytest.approx(0.01)
    assert 2 * powers.sum(1) - powers[:, -1] == pytest.approx(curves.var(1))
    tapered = spectrum(curves, whole=False)
    assert tapered[0, [26, 27, 28]] == pytest.approx([0.01 / 6, 0.01 * 2 / 3, 0.01 / 6])


def test_intervals_tell_few_images_from_many():
    generator = np.random.default_rng(1)
    sine = 0.02 * np.cos(2 * np.pi * np.arange(224) / 16)
    many, few = (generator.random((count, 224)) * 0.1 + sine for count in (200, 5))
    wide, narrow = (of_curves(curves, 224, 0)["strides"][3] for curves in (few, many))
    assert narrow["low"] < narrow["height"] < narrow["high"]
    assert narrow["low"] > 10
    assert wide["high"] - wide["low"] > narrow["high"] - narrow["low"]


@pytest.mark.parametrize(("height", "expected"), [(224, (224, 32)), (299, (288, 32)), (64, (64, 16)), (32, (32, 8))])
def test_moves(height, expected):
    assert moves(height) == expected
