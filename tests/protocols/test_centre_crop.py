import dataclasses

import pytest
import torch
import torchvision.transforms.v2.functional as T

from lit_invariance.protocols import CentreCrop, Circular, CircularFractional, ZeroFill, generator_for
from lit_invariance.protocols.standard import resize_length, short_side

DRAW = generator_for(0, "centre_crop", 0)


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 333), (256, 256), (1200, 801)])
def test_is_the_published_imagenet_evaluation(height, width):
    """Witness: torchvision's resize-256, centre-crop-224."""
    picture = torch.rand(3, height, width)
    expected = T.center_crop(T.resize(picture, [256], antialias=True), [224, 224])
    (view,) = CentreCrop(size=224)(picture, DRAW)
    torch.testing.assert_close(view, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("crop_pct", [None, 0.875, 224 / 232])
def test_every_geometry_from_200_to_700_pixels_is_torchvision_s(crop_pct):
    """Witness: torchvision's shapes without pixels, and its crop of a picture of row and column numbers."""
    protocol = CentreCrop(size=224, crop_pct=crop_pct)
    for height in range(200, 701, 13):
        for width in range(200, 701, 11):
            short = resize_length(224, crop_pct) if crop_pct else short_side(min(height, width), 224)
            resized = T.resize(torch.empty(3, height, width, device="meta"), [short], antialias=True)
            rows, columns = torch.arange(resized.shape[1]), torch.arange(resized.shape[2])
            numbers = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
            top, left = T.center_crop(numbers, [224, 224])[:, 0, 0].tolist()
            view = protocol.standard_view(height, width)
            assert view == (0, 0, height, width, *resized.shape[1:], -top, -left)


@pytest.mark.parametrize("protocol", [Circular(m=1), CircularFractional(m=1), ZeroFill()])
def test_what_is_moved_is_this_view(protocol):
    """A picture whose long side has a fraction to cut off after the resizing: 385.1."""
    picture = torch.rand(3, 341, 513)
    expected = T.center_crop(T.resize(picture, [256], antialias=True), [224, 224])
    torch.testing.assert_close(protocol.standard_picture(picture), expected, atol=1e-5, rtol=0)
    moves = dataclasses.replace(protocol, crop_pct=0.9)
    length = [resize_length(224, 0.9)]
    expected = T.center_crop(T.resize(picture, length, antialias=True), [224, 224])
    torch.testing.assert_close(moves.standard_picture(picture), expected, atol=1e-5, rtol=0)


def test_a_picture_of_the_networks_size_is_left_alone():
    picture = torch.rand(3, 32, 32)
    assert torch.equal(CentreCrop(size=32)(picture, DRAW)[0], picture)


def test_a_picture_between_the_sizes_is_cut_not_enlarged():
    picture = torch.rand(3, 227, 227)
    view = CentreCrop(size=224)(picture, DRAW)[0]
    assert torch.equal(view, picture[:, 2:226, 2:226])
    assert torch.equal(view, T.center_crop(picture, [224, 224]))


@pytest.mark.parametrize(("shortest", "expected"), [(1, 224), (224, 224), (230, 230), (256, 256), (4000, 256)])
def test_short_side(shortest, expected):
    assert short_side(shortest, 224) == expected
