import pytest
import torch
import torch.nn.functional as F

from lit_invariance.protocols import CentreCrop, ObjectScale, generator_for
from lit_invariance.protocols.hole import fill_hole

DRAW = generator_for(0, "object_scale", 0)
PICTURE = torch.rand(3, 32, 40, generator=torch.Generator().manual_seed(0))
BOX = (12.0, 10.0, 28.0, 18.0)
PLAIN = {"size": (32, 40), "crop_pct": 1.0}  # nothing is resized or cut off


def test_scales_by_hand():
    """The box has its middle at row 14 and column 20, and 8 x 16 pixels."""
    protocol = ObjectScale(**PLAIN, scales=(0.5, 1.0, 1.5))
    views = protocol(PICTURE, DRAW, BOX)
    known = torch.ones(32, 40, dtype=torch.bool)
    known[10:18, 12:28] = False
    background = fill_hole(PICTURE, known)
    small = F.interpolate(PICTURE[None], (16, 20), mode="bilinear", antialias=True)[0]
    large = F.interpolate(PICTURE[None], (48, 60), mode="bilinear")[0]
    expected = background.clone(), PICTURE, background.clone()
    expected[0][:, 12:16, 16:24] = small[:, 5:9, 6:14]
    expected[2][:, 8:20, 8:32] = large[:, 15:27, 18:42]
    for view, other in zip(views, expected, strict=True):
        torch.testing.assert_close(view, other, atol=1e-6, rtol=0)


def test_around_the_object_nothing_changes_but_what_a_larger_one_covers():
    views = ObjectScale(**PLAIN)(PICTURE, DRAW, BOX)
    outside = torch.ones(32, 40, dtype=torch.bool)
    outside[10:18, 12:28] = False
    for view in views[:4]:
        assert torch.equal(view[:, outside], PICTURE[:, outside])
    outside[8:20, 9:31] = False  # 1.3 times 8 x 16 pixels, whole pixels that are touched
    for view in views:
        assert torch.equal(view[:, outside], PICTURE[:, outside])
    assert len({view.numpy().tobytes() for view in views}) == 7


def test_the_object_as_it_is_is_the_standard_view():
    picture = torch.rand(3, 50, 91)
    for options in ({"size": 32}, {"size": 32, "crop_pct": 0.9, "crop_mode": "border"}, {"size": (24, 40)}):
        (expected,) = CentreCrop(**options)(picture, DRAW)
        views = ObjectScale(**options)(picture, DRAW, (30.0, 11.0, 62.0, 33.0))
        torch.testing.assert_close(views[3], expected, atol=0, rtol=0)


def test_what_leaves_the_canvas_is_cut_off_and_a_hidden_part_comes_in():
    """An object half outside of the square that is shown: at half its size its left edge moves in."""
    picture = torch.zeros(3, 32, 64)
    picture[0, 8:24, 40:60] = 1  # columns 16..48 are shown
    views = ObjectScale(size=32, crop_pct=1.0, scales=(0.5, 1.0, 2.0))(picture, DRAW, (40.0, 8.0, 60.0, 24.0))
    red = (views[:, 0] > 0.7).float()  # resized edges are .75 or more, also where two meet, but for the largest's
    assert red[1].nonzero().aminmax(dim=0).max.tolist() == [23, 31]
    assert red[1, 8:24, 24:].all()
    # The middle of the box, column 50, is at column 34 of the canvas; at half its size it begins at column 29.
    assert red[0, 12:20, 29:].all()
    assert red[0].sum() == 8 * 3
    assert red[2, :, 15:].all()


@pytest.mark.parametrize(
    ("box", "shown"),
    [
        (None, 0),
        (BOX, 7),
        ((0.0, 0.0, 64.0, 32.0), 0),
        ((0.0, 0.0, 12.0, 20.0), 0),
        ((0.0, 0.0, 17.0, 20.0), 7),
        ((16.0, 0.0, 47.0, 32.0), 7),
        ((-9.0, -9.0, 80.0, 31.0), 7),
    ],
)
def test_an_object_and_a_background_are_needed(box, shown):
    """Columns 16..47 of 64 are shown."""
    protocol = ObjectScale(size=32, crop_pct=1.0)
    assert len(protocol.shown(32, 64, box)) == shown
    parts = list(protocol.parts(torch.rand(3, 32, 64), DRAW, 3, box))
    assert [len(part) for part in parts] == ([3, 3, 1] if shown else [])
    assert all(part.isfinite().all() for part in parts)
