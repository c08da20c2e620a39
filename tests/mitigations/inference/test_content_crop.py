import pytest
import torch
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations import apply_mitigations
from lit_invariance.mitigations.inference.content_crop import ContentCrop
from lit_invariance.mitigations.ops.crops import windows


def test_the_window_stands_around_the_sharpest_candidate(seen_by):
    images = torch.full((1, 3, 40, 40), 0.5)
    images[0, :, 23, 16] = 0.9
    images[0, :, 35, 35] = 1.0  # sharper, but out of reach
    assert ContentCrop(nn.Identity(), size=11, reach=6).centres(images).tolist() == [[23, 16]]
    assert torch.equal(seen_by(ContentCrop, images, size=11, reach=6), images[:, :, 18:29, 11:22])


@pytest.mark.parametrize("move", [(1, 1), (0, 3), (-2, 1), (5, -7)])
@pytest.mark.parametrize("size", [32, 24])
def test_content_that_stays_inside_is_chosen_alike(plain_weights, make_classifier, seen_by, move, size):
    """Pictures of 9 x 9 pixels on black: wherever they lie, the same pixels and the same logits, to the last bit."""
    options = {"size": size, "reach": 16, "padding": "zero"}
    module = make_classifier(weights=plain_weights, mitigations=[{"content_crop": options}]).eval()
    plain = make_classifier(weights=plain_weights).eval()
    torch.manual_seed(0)
    canvas = torch.zeros(20, 3, 32, 32)
    canvas[:, :, 11:20, 12:21] = torch.rand(20, 3, 9, 9)
    moved = canvas.roll(move, (2, 3))
    chosen = seen_by(ContentCrop, canvas, **options)
    assert chosen.shape[2:] == (size, size)
    assert torch.equal(seen_by(ContentCrop, moved, **options), chosen)
    with torch.no_grad():
        torch.testing.assert_close(module(moved), module(canvas), atol=1e-5, rtol=0)
        assert (plain(moved) - plain(canvas)).abs().max() > 0.1


def test_windows_of_a_larger_picture_choose_alike_where_the_winner_stays_a_candidate(seen_by):
    """Natural-like pictures fill the frame: of 17 x 17 candidates about 4/17 of the winners may be lost, no more."""
    torch.manual_seed(0)
    pictures = torch.rand(300, 3, 41, 41)
    options = {"size": 23, "reach": 8}
    wrapper = ContentCrop(nn.Identity(), **options)
    here, there = pictures[:, :, :40, :40], pictures[:, :, 1:, 1:]
    first, second = wrapper.centres(here), wrapper.centres(there)
    stayed = (first == second + 1).all(1)
    assert torch.equal(seen_by(ContentCrop, here, **options)[stayed], seen_by(ContentCrop, there, **options)[stayed])
    intersection, union = 16**2, 2 * 17**2 - 16**2
    assert stayed.double().mean().item() == pytest.approx(intersection / union, abs=0.07)
    lost = ~stayed
    assert ((first[lost] == 12).any(1) | (second[lost] == 28).any(1)).all()


def test_its_own_size_is_kept_and_costs_one_pass(make_classifier, seen_by):
    images = torch.rand(2, 3, 32, 32)
    centres = ContentCrop(nn.Identity()).centres(images)
    assert ((centres - 16).abs() <= 4).all()
    assert torch.equal(seen_by(ContentCrop, images), windows(images, centres - 16, 32, 32, "reflect"))
    assert make_classifier(mitigations=["content_crop"]).mitigated.passes == 1


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"size": 0}, "size must be a whole number of at least 1"),
        ({"reach": 0.5}, "reach must be a whole number of at least 1"),
        ({"padding": "mirror"}, "unknown padding"),
    ],
)
def test_bad_options_are_one_sentence(options, part):
    with pytest.raises(UserError, match=part):
        apply_mitigations(nn.Identity(), [{"content_crop": options}])
