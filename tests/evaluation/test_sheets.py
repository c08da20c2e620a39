from functools import partial

import pytest
import torch

from lit_invariance.evaluation.sheets import FEW, make_sheet
from lit_invariance.protocols import PROTOCOLS, generator_for

BOX = (5.0, 2.0, 20.0, 21.0)
# Protocol, options, the first of two neighbours, number of kept views, and whether one block moves.
CASES = [
    ("embed_black", {}, 0, 2, True),
    ("embed_black", {"background": "mean", "direction": "vertical"}, 0, 2, True),
    ("embed_inpaint", {}, 0, 2, False),
    ("crop", {}, 0, 2, False),
    ("crop", {"shift_in": "network"}, 0, 2, True),
    ("scale_black", {}, 0, 2, False),
    ("diagonal", {}, 1, 3, True),
    ("shift_grid", {"m": 2}, 3, 25, True),
    ("imagenet_p_translate", {}, 1, 3, True),
    ("released_script", {"share": 0.4}, 2, 9, True),
    ("released_script", {"share": 1.6}, 2, 9, True),
    ("sweep_crop", {}, 6, 9, True),
    ("size_sweep", {}, 0, FEW, False),
    ("size_sweep", {}, 7, FEW, False),
    ("size_sweep", {}, -2, FEW, False),
    ("sweep_inpaint", {}, 3, FEW, False),
    ("circular", {}, 0, 2, False),
    ("rings", {"m": 2}, 11, 25, True),
    ("rings", {"border": "cyclic", "m": 1}, 4, FEW, False),
]


@pytest.fixture
def image():
    return torch.rand(3, 24, 30, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "options", "first", "kept", "moves"), CASES)
def test_windows_are_the_views_that_the_protocol_makes(image, name, options, first, kept, moves):
    protocol = PROTOCOLS[name](size=16, mean=(0.2, 0.5, 0.7), **options)
    generator = partial(generator_for, 3, name, 8)
    shown = protocol.shown(24, 30, BOX)
    first %= len(protocol.steps)
    sheet = make_sheet(protocol, image, generator, BOX, (first, first + 1))
    views = protocol(image, generator(), BOX)
    assert len(sheet.views) == len(sheet.places) == min(kept, len(shown))
    assert {first, first + 1} <= set(sheet.views)
    for position, (top, left) in zip(sheet.views, sheet.places, strict=True):
        cut = sheet.pixels[:, top : top + 16, left : left + 16]
        torch.testing.assert_close(cut, views[shown.index(position)], atol=1e-6, rtol=0)
    # A block that moves needs hardly more pixels than a view; others need those of all views.
    assert (sheet.pixels.shape[1] < 2 * 16) == moves


def test_views_that_are_not_square(image):
    protocol = PROTOCOLS["diagonal"](size=(12, 20))
    sheet = make_sheet(protocol, image, partial(generator_for, 0, "diagonal", 0), None, (0, 1))
    views = protocol(image, generator_for(0, "diagonal", 0))
    for view, (top, left) in zip(views, sheet.places, strict=True):
        torch.testing.assert_close(sheet.pixels[:, top : top + 12, left : left + 20], view, atol=1e-6, rtol=0)


def test_of_views_that_are_compared_with_the_first_it_is_kept_with_those_around_the_other(image):
    protocol = PROTOCOLS["preprocessing"](size=16)
    views = protocol(image, generator_for(0, "preprocessing", 0))
    for second, kept in ((1, range(FEW)), (14, (0, *range(11, 17))), (21, (0, *range(16, 22)))):
        sheet = make_sheet(protocol, image, partial(generator_for, 0, "preprocessing", 0), None, (0, second))
        assert sheet.views == list(kept)
        for position, (top, left) in zip(sheet.views, sheet.places, strict=True):
            assert torch.equal(sheet.pixels[:, top : top + 16, left : left + 16], views[position])
