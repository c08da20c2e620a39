import numpy as np
import pytest
import torch
import torchvision.transforms.functional as T
from PIL import Image

from lit_invariance.protocols import ImageNetPScale, ImageNetPTranslate, generator_for

DRAW = generator_for(0, "imagenet_p", 0)


def photograph(height, width):
    """A smooth picture in bytes, for PIL."""
    coarse = torch.rand(3, 12, 16, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse[None], (height, width), mode="bicubic")[0].clamp(0, 1)
    return (smooth * 255).round().to(torch.uint8)


def published(picture, **affine):
    """One frame as the published code makes it: PIL's affine transform and centre crop, of a resized picture."""
    resized = T.resize(Image.fromarray(picture.permute(1, 2, 0).numpy()), 256)
    frame = T.center_crop(T.affine(resized, angle=0, shear=0, **affine), 224)
    return torch.from_numpy(np.array(frame)).permute(2, 0, 1)


@pytest.mark.parametrize(("height", "width"), [(256, 256), (256, 341), (256, 343), (300, 256)])
def test_translate_is_the_published_sequence_to_the_bit(height, width):
    picture = photograph(height, width)
    views = ImageNetPTranslate()(picture, DRAW)
    assert ImageNetPTranslate().steps == tuple(range(-20, 21))
    for move, view in zip(range(-20, 21), views, strict=True):
        expected = published(picture, translate=(move, 0), scale=1)
        assert torch.equal((view * 255).round().to(torch.uint8), expected)


def test_the_picture_moves_right_and_uncovers_black():
    picture = torch.zeros(3, 256, 256)
    picture[:, 100, 120] = 1
    picture[:, :, 0] = 0.5
    for move, view in zip(range(-20, 21), ImageNetPTranslate()(picture, DRAW), strict=True):
        assert (view[0] == 1).nonzero().tolist() == [[100 - 16, 120 - 16 + move]]
        edge = move - 16  # column of the picture's first one, which is grey; what is left of it is black
        if edge >= 0:
            assert view[:, :, :edge].sum() == 0
            assert view[:, :, edge].min() == 0.5


@pytest.mark.parametrize(("options", "m"), [({}, 20), ({"size": 32}, 3), ({"size": 64, "m": 7}, 7), ({"size": 4}, 1)])
def test_moves(options, m):
    protocol = ImageNetPTranslate(**options)
    assert protocol.steps == tuple(range(-m, m + 1))
    assert [view.at_left for view in protocol.views(90, 90, DRAW)][m] == protocol.views(90, 90, DRAW)[0].at_left + m


def test_a_small_picture_is_enlarged_as_published():
    picture = photograph(60, 80)
    expected = published(picture, translate=(5, 0), scale=1).float() / 255
    torch.testing.assert_close(ImageNetPTranslate()(picture, DRAW)[25], expected, atol=2 / 255, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(256, 256), (256, 341), (301, 256)])
def test_scale_is_the_published_sequence_up_to_the_rounding_of_bytes(height, width):
    picture = photograph(height, width)
    protocol = ImageNetPScale()
    views = protocol(picture, DRAW)
    assert protocol.steps == pytest.approx([0.4 + 0.025 * frame for frame in range(31)])
    for zoom, view in zip(protocol.steps, views, strict=True):
        expected = published(picture, translate=(0, 0), scale=zoom, interpolation=T.InterpolationMode.BILINEAR)
        torch.testing.assert_close(view, expected / 255, atol=1.01 / 255, rtol=0)


def test_zoom_by_one_half_takes_every_other_pair_and_leaves_black():
    """At zoom 1/2 a sample lies in the middle of four pixels: their mean, which is no antialiasing at all."""
    picture = torch.rand(3, 256, 256)
    view = ImageNetPScale()(picture, DRAW)[4]
    means = torch.nn.functional.avg_pool2d(picture, 2)
    torch.testing.assert_close(view[:, 48:176, 48:176], means, atol=1e-5, rtol=0)
    view[:, 48:176, 48:176] = 0
    assert view.sum() == 0


def test_zoom_by_one_is_the_centre_crop():
    picture = torch.rand(3, 256, 300)
    torch.testing.assert_close(ImageNetPScale()(picture, DRAW)[24], picture[:, 16:240, 38:262], atol=2e-5, rtol=0)


@pytest.mark.parametrize("size", [32, 64, 299])
def test_scale_at_other_sizes(size):
    views = ImageNetPScale(size=size)(torch.ones(3, 40, 50), DRAW)
    assert views.shape == (31, 3, size, size)
    bright = (views[0, 0] > 0.5).sum(0).max().item()
    assert bright == pytest.approx(0.4 * size / 0.875, abs=1)
