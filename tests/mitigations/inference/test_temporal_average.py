import math

import numpy as np
import pytest
import torch
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations import TemporalAverage, apply_mitigations
from lit_invariance.mitigations.inference.temporal_average import ExponentialMean


def by_hand(logits, delay):
    """The weights of the definition, written out for every pair of frames, in float64."""
    weight = 1 / (1 + delay)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    means = []
    for now in range(len(logits)):
        weights = [weight * (1 - weight) ** (now - then) for then in range(now + 1)]
        weights[0] = (1 - weight) ** now  # the first frame stands for all before it
        assert sum(weights) == pytest.approx(1)
        means.append(sum(w * p for w, p in zip(weights, probabilities[: now + 1], strict=True)))
    return np.array(means)


@pytest.mark.parametrize("delay", [0.5, 4, 30])
@pytest.mark.parametrize("cuts", [[9], [1, 8], [3, 3, 3], [1] * 9])
def test_the_mean_is_that_of_the_definition_however_frames_are_cut(delay, cuts):
    logits = torch.randn(9, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean = ExponentialMean(delay)
    means = torch.cat([mean(part) for part in logits.split(cuts)])
    np.testing.assert_allclose(means.exp(), by_hand(logits.numpy(), delay), rtol=1e-12)
    mean.reset()
    assert torch.allclose(mean(logits[:1]).softmax(-1), logits[:1].softmax(-1))


@pytest.mark.parametrize("delay", [1, 4, 9.5])
def test_the_delay_is_the_mean_age_of_what_is_averaged(delay):
    """One certain frame at 0, then its opposite: what is left of it after n frames is the weight of all older ones."""
    frames = 3000
    logits = torch.tensor([[40.0, 0.0]] + [[0.0, 40.0]] * frames, dtype=torch.float64)
    left = ExponentialMean(delay)(logits).exp()[1:, 0]
    # The mean of an age that is a whole number from 0 is the sum over n >= 1 of the share that is n or older.
    assert left.sum().item() == pytest.approx(delay, rel=1e-6)
    late = int((left > 0.5).sum())
    assert late == math.ceil(math.log(0.5) / math.log(delay / (1 + delay))) - 1


def test_half_precision_is_averaged_in_float32():
    assert ExponentialMean(4)(torch.zeros(2, 3, dtype=torch.float16)).dtype == torch.float32


def test_sure_answers_stay_finite():
    means = ExponentialMean(4)(torch.tensor([[1e4, 0.0], [0.0, 1e4]]))
    assert means.isfinite().all()
    assert means.softmax(-1)[1].tolist() == pytest.approx([0.8, 0.2])


def test_the_module_remembers_in_evaluation_mode_only():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).eval()
    average, frames = TemporalAverage(network, delay=2), torch.rand(4, 3, 2, 2)
    expected = by_hand(network(frames).detach().double().numpy(), 2)
    with torch.no_grad():
        seen = torch.cat([average(frames[:1]), average(frames[1:])])
        np.testing.assert_allclose(seen.exp(), expected, rtol=1e-5)
        average.reset()
        np.testing.assert_allclose(average(frames[2:3]).softmax(-1), network(frames[2:3]).softmax(-1), rtol=1e-5)
        assert torch.equal(average.train()(frames), network(frames))
    assert "delay=2" in repr(average)


@pytest.mark.parametrize("delay", [0, -1, "4", True])
def test_a_delay_that_is_none(delay):
    with pytest.raises(ValueError, match="delay is a number above 0"):
        TemporalAverage(nn.Identity(), delay)


def test_a_network_cannot_be_given_it():
    with pytest.raises(UserError, match="temporal_average acts on the frames of a film, .* evaluated with --video"):
        apply_mitigations(nn.Linear(2, 2), ["temporal_average"])
