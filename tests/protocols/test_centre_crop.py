import pytest
import torch
import torchvision.transforms.v2.functional as T

from lit_invariance.protocols import CentreCrop, generator_for
from lit_invariance.protocols.centre_crop import short_side

DRAW = generator_for(0, "centre_crop", 0)


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 333), (256, 256), (1200, 801)])
def test_is_the_published_imagenet_evaluation(height, width):
    """Witness: torchvision's resize-256, centre-crop-224."""
    picture = torch.rand(3, height, width)
    expected = T.center_crop(T.resize(picture, [256], antialias=True), [224, 224])
    (view,) = CentreCrop(size=224)(picture, DRAW)
    # torchvision cuts the longer side's fraction off where we round, so the longer side may differ by one pixel.
    if round(max(height, width) * 256 / min(height, width)) == int(max(height, width) * 256 / min(height, width)):
        torch.testing.assert_close(view, expected, atol=1e-5, rtol=0)
    assert view.shape == expected.shape


def test_a_picture_of_the_networks_size_is_left_alone():
    picture = torch.rand(3, 32, 32)
    assert torch.equal(CentreCrop(size=32)(picture, DRAW)[0], picture)


def test_a_picture_between_the_sizes_is_cut_not_enlarged():
    picture = torch.rand(3, 227, 227)
    assert torch.equal(CentreCrop(size=224)(picture, DRAW)[0], picture[:, 1:225, 1:225])


@pytest.mark.parametrize(("shortest", "expected"), [(1, 224), (224, 224), (230, 230), (256, 256), (4000, 256)])
def test_short_side(shortest, expected):
    assert short_side(shortest, 224) == expected
