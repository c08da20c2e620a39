import math

import pytest
import torch
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations import apply_mitigations
from lit_invariance.mitigations.losses.consistency import Consistency, symmetric_divergence
from lit_invariance.mitigations.ops.crops import shifted


def test_two_classes_by_hand():
    """p = (3/4, 1/4), q = (1/2, 1/2): 1/2 (1/4 log(3/2) - 1/4 log(1/2)) = 1/8 log 3."""
    one, other = torch.tensor([[0.75, 0.25]]).log(), torch.tensor([[0.5, 0.5]]).log()
    assert symmetric_divergence(one, other).item() == pytest.approx(math.log(3) / 8, rel=1e-6)


def test_it_is_the_half_sum_of_both_divergences():
    one, other = 3 * torch.randn(6, 10), 3 * torch.randn(6, 10)
    p, q = one.log_softmax(1), other.log_softmax(1)
    both = [nn.functional.kl_div(a, b, reduction="batchmean", log_target=True) for a, b in ((p, q), (q, p))]
    torch.testing.assert_close(symmetric_divergence(one, other), sum(both) / 2)
    assert symmetric_divergence(one, one + 5).item() == pytest.approx(0, abs=1e-6)


def test_gradients_flow_through_both_views():
    one, other = torch.randn(2, 4, requires_grad=True), torch.randn(2, 4, requires_grad=True)
    symmetric_divergence(one, other).backward()
    assert one.grad.abs().sum() > 0
    assert other.grad.abs().sum() > 0


def test_the_other_view_is_the_picture_moved_by_at_most_the_shift():
    images, seen = torch.rand(50, 3, 6, 6), []

    def classify(moved):
        seen.append(moved)
        return moved.flatten(1)

    loss = Consistency(shift=1, padding="circular")(classify, images, images.flatten(1))
    moves = [torch.tensor([down, right]) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    candidates = torch.stack([shifted(images, move, "circular") for move in moves])
    matches = (candidates == seen[0]).flatten(2).all(2)
    assert matches.any(0).all()
    assert matches.any(1).all()  # every picture draws its own
    torch.testing.assert_close(loss, symmetric_divergence(images.flatten(1), seen[0].flatten(1)))


def test_its_gradient_makes_a_network_steadier(plain_weights, make_classifier, descent):
    before, after = descent(make_classifier(weights=plain_weights), Consistency(shift=1))
    assert after < 0.85 * before


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"weight": 0}, "weight is a number above 0"),
        ({"shift": 0}, "shift must be a whole number of at least 1"),
        ({"shift": 1.5}, "shift must be a whole number of at least 1"),
        ({"padding": "mirror"}, "unknown padding 'mirror'"),
    ],
)
def test_bad_options_are_one_sentence(options, part):
    with pytest.raises(UserError, match=part):
        apply_mitigations(nn.Identity(), [{"consistency": options}])
