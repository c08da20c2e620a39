import pytest
import torch

from lit_invariance.protocols import PROTOCOLS, generator_for, together
from lit_invariance.protocols.placed import Placed
from lit_invariance.protocols.together import in_portions, render_together
from lit_invariance.protocols.view import Resizing, View, render
from lit_invariance.registry import build

SIDES = [(70, 90), (64, 64), (121, 75)]
PLACED = [name for name, kind in PROTOCOLS.items() if issubclass(kind, Placed)]


def pictures(dtype=torch.uint8):
    generator = torch.Generator().manual_seed(0)
    made = [torch.randint(0, 256, (3, *side), dtype=torch.uint8, generator=generator) for side in SIDES]
    return made if dtype == torch.uint8 else [picture.float() / 255 for picture in made]


@pytest.mark.parametrize("name", PLACED)
def test_views_of_several_images_are_those_of_each(name):
    """The witness is the renderer that draws image by image."""
    protocol = build("protocol", PROTOCOLS, name, size=48)
    expected = [protocol(picture, generator_for(0, name, index)) for index, picture in enumerate(pictures())]
    made = list(protocol.together(pictures(), [generator_for(0, name, index) for index in range(len(SIDES))]))
    torch.testing.assert_close(torch.cat(made), torch.cat(expected), rtol=0, atol=1e-5)


# Lengths without a common factor, so that few weighted sums of levels lie just between two of them: adding in another
# order rounds those either way.
VIEWS = [
    [View(3, 5, 41, 53, 23, 29, 4, 7), View(0, 0, 64, 64, 64, 64, -10, -11), View(2, 2, 19, 23, 31, 29, -3, 30)],
    [View(0, 0, 61, 64, 41, 43, 50, 50), View(1, 0, 48, 48, 48, 48, 0, 0), View(0, 0, 64, 61, 47, 19, 0, 9)],
    [View(9, 8, 101, 61, 47, 43, 0, 0), View(9, 8, 7, 6, 7, 6, 20, -2), View(0, 0, 121, 75, 31, 29, 17, 17)],
]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("rounding", ["float", "uint8"])
@pytest.mark.parametrize("size", [48, (40, 56)])
def test_every_way_to_resize(interpolation, rounding, size):
    how, colour = Resizing(interpolation, rounding), (0.2, 0.4, 0.6)
    made = render_together(pictures(), VIEWS, size, colour, how)
    for picture, views, found in zip(pictures(), VIEWS, made, strict=True):
        apart = (render(picture, views, size, colour, how) - found).abs()
        assert apart.max() < (1e-5 if rounding == "float" else 1.01 / 255)
        assert (apart > 1e-5).float().mean() < 1e-3  # a value between two levels is rounded either way


def test_float_pictures():
    made = render_together(pictures(torch.float32), VIEWS, 48, (0.0,) * 3, Resizing())
    torch.testing.assert_close(made, render_together(pictures(), VIEWS, 48, (0.0,) * 3, Resizing()), rtol=0, atol=1e-6)


def test_windows_of_the_picture_s_own_pixels_are_exact():
    views = [[View(top, 9, 48, 48, 48, 48, 0, 0) for top in range(3)] for _ in SIDES]
    made = render_together(pictures(), views, 48, (0.0,) * 3, Resizing("lanczos"))
    for picture, found in zip(pictures(), made, strict=True):
        assert all(torch.equal(found[top], picture[:, top : top + 48, 9:57].float() / 255) for top in range(3))


def test_portions_hold_as_much_as_fits(monkeypatch):
    monkeypatch.setattr(together, "MOST_VALUES", 3 * 100 * 2 * 10 * 2)
    images = [torch.empty(3, height, 5) for height in (50, 100, 100, 300, 20, 20, 20, 20)]
    found = [(part.start, part.stop) for part in in_portions(images, 2, 10)]
    assert found == [(0, 2), (2, 3), (3, 4), (4, 8)]
