"""Inputs of H x W pixels: what every protocol shows of them, against independent constructions."""

import pytest
import timm
import torch
from torchvision.transforms.functional import to_pil_image

from lit_invariance.errors import UserError
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols import PROTOCOLS, CentreCrop, Crop, EmbedInpaint, ZeroFill, generator_for
from lit_invariance.protocols.around import spiral
from lit_invariance.protocols.window import as_size

PICTURE = torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(0))
BOX, TURNED_BOX = (30.0, 15.0, 52.0, 36.0), (15.0, 30.0, 36.0, 52.0)
TALL, WIDE = (48, 24), (24, 48)
DEFINED = [name for name in PROTOCOLS if name != "released_script"]


@pytest.mark.parametrize("size", [TALL, WIDE])
@pytest.mark.parametrize("name", DEFINED)
def test_every_other_protocol_is_defined(name, size):
    protocol = PROTOCOLS[name](size=size)
    box = BOX if protocol.needs_boxes else None
    views = protocol(PICTURE, generator_for(0, name, 5), box)
    assert views.shape == (len(protocol.shown(60, 80, box)), 3, *size)
    assert views.isfinite().all()
    if len(views) > 1:
        assert any(not torch.equal(views[0], view) for view in views[1:])


@pytest.mark.parametrize("name", DEFINED)
def test_a_turned_picture_in_a_turned_window_is_turned(name):
    """Width and height are treated alike, but for the axis along which a protocol moves and the order of its draws."""
    ways = {"sweep_inpaint", "sweep_crop", "imagenet_p_translate", "preprocessing"}  # Pillow rounds the columns first
    drawn = {"crop", "embed_black", "embed_inpaint", "scale_black", "crop_agreement", "circular", "circular_fractional"}
    if name in ways | drawn:
        return
    box, turned = (BOX, TURNED_BOX) if PROTOCOLS[name].needs_boxes else (None, None)
    tall = PROTOCOLS[name](size=TALL)(PICTURE, generator_for(0, name, 5), box)
    wide = PROTOCOLS[name](size=WIDE)(PICTURE.transpose(1, 2), generator_for(0, name, 5), turned).transpose(2, 3)
    if name == "shift_grid":  # its shifts are in the order of the rows
        wide = wide.view(7, 7, *wide.shape[1:]).transpose(0, 1).flatten(0, 1)
    if name in ("rings", "crop_fractional"):  # theirs are in the order of a spiral
        wide = wide[[spiral(3).index((right, down)) for down, right in spiral(3)]]
    torch.testing.assert_close(tall, wide, atol=1e-5, rtol=0)


@pytest.mark.parametrize("crop_pct", [0.875, 0.95, 1.0])
@pytest.mark.parametrize("mode", ["center", "squash", "border"])
@pytest.mark.parametrize("size", [TALL, WIDE, (40, 40)])
def test_recipes_are_those_of_timm(size, mode, crop_pct):
    picture = (PICTURE * 255).round().byte()
    options = {"input_size": (3, *size), "crop_pct": crop_pct, "crop_mode": mode, "interpolation": "bilinear"}
    transform = timm.data.create_transform(**options, mean=(0, 0, 0), std=(1, 1, 1))
    expected = (transform(to_pil_image(picture)) * 255).round()
    recipe = Preprocessing(mean=(0.0, 0.0, 0.0), size=as_size(size), crop_pct=crop_pct, crop_mode=mode)
    shown = recipe.protocol({"centre_crop": {"rounding": "uint8"}})(picture, generator_for(0, "centre_crop", 0))[0]
    assert shown.shape == expected.shape
    assert (shown * 255 - expected).abs().max() < 1.01  # Pillow rounds to 256 levels by another arithmetic


@pytest.mark.parametrize(
    ("picture", "kept"),
    [((50, 26), (50, 26)), ((30, 20), (48, 32)), ((200, 100), (55, 28)), ((100, 90), (55, 50))],
)
def test_without_a_recipe_a_picture_is_never_enlarged_beyond_the_window(picture, kept):
    """Expected by hand: as it is between the window of 48 x 24 and 55 x 27 pixels, or resized to cover one of them."""
    view = CentreCrop(size=TALL).standard_view(*picture)
    assert (view.to_height, view.to_width) == kept


def test_crop_has_the_window_s_proportions_and_moves_by_a_pixel():
    for index in range(50):
        first, second = Crop(size=TALL).views(60, 80, generator_for(0, "crop", index))
        assert abs(first.height - 2 * first.width) <= 1
        assert (second.top - first.top, second.left - first.left) == (1, 1)
        assert second.top + second.height <= 60
        assert second.left + second.width <= 80
        assert first.height * first.width >= 0.08 * 4800 * 0.9


def test_a_moved_picture_is_the_picture_moved():
    first, second = ZeroFill(size=WIDE)(PICTURE, generator_for(0, "zero_fill", 0))
    assert torch.equal(second[:, 1:, 1:], first[:, :-1, :-1])
    assert not second[:, 0].any()
    assert not second[:, :, 0].any()


def test_inpainting_fills_the_whole_window_and_keeps_the_picture():
    """Witness: the definition, pass by pass, on the whole canvas."""
    from lit_invariance.protocols.inpainting import TAPS, Rectangle, blur_matrix, inpaint

    views = torch.rand(1, 3, 30, 50, generator=torch.Generator().manual_seed(1))
    place = Rectangle(8, 20, 18, 37)
    known = torch.zeros(30, 50)
    known[8:18, 20:37] = 1
    expected = views[0] * known
    down, across = blur_matrix(30, TAPS + 1, known.device), blur_matrix(50, TAPS + 1, known.device)
    while not known.all():
        weight = down @ known @ across.T
        blurred = down @ (expected * known) @ across.T / weight.clamp_min(torch.finfo(torch.float32).tiny)
        expected, known = torch.where(known > 0, expected, blurred), ((known > 0) | (weight > 0)).float()
    torch.testing.assert_close(inpaint(views, [place])[0], expected, atol=1e-5, rtol=0)
    shown = EmbedInpaint(size=WIDE, background="inpaint_original")(PICTURE, generator_for(0, "embed_inpaint", 0))
    assert shown.shape == (2, 3, *WIDE)
    assert (shown.sum(1) > 0).float().mean() > 0.8


def test_the_released_script_says_that_it_has_squares_only():
    with pytest.raises(UserError, match=r"released_script: it is not defined for inputs of 24 x 48 pixels"):
        Preprocessing(size=TALL).protocol("released_script")


@pytest.mark.parametrize("size", [[32, 0], [1, 2, 3], "32", (True, 4), -1, 2.5])
def test_a_wrong_size_is_told(size):
    with pytest.raises(ValueError, match="a size is a side in pixels"):
        as_size(size)
