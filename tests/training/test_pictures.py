import pytest
import torch
from torchvision.transforms.functional import normalize

from lit_invariance.constants import IMAGENET_MEAN, IMAGENET_STD
from lit_invariance.data.batch import Batch
from lit_invariance.errors import UserError
from lit_invariance.training.pictures import Scale, unpack

PICTURES = torch.rand(2, 3, 5, 6, generator=torch.Generator().manual_seed(0))


def test_the_scale_is_torchvision_s_and_its_inverse():
    scale = Scale(IMAGENET_MEAN, IMAGENET_STD)
    inputs = normalize(PICTURES, list(IMAGENET_MEAN), list(IMAGENET_STD))
    torch.testing.assert_close(scale.normalise(PICTURES), inputs)
    torch.testing.assert_close(scale.denormalise(inputs), PICTURES)
    assert scale.denormalise(scale.normalise(PICTURES - 0.01)).min() == 0  # a resize that overshoots is cut off


def test_grey_pictures_have_one_value_a_channel():
    scale = Scale((0.13,), (0.31,))
    grey = PICTURES[:, :1]
    torch.testing.assert_close(scale.denormalise((grey - 0.13) / 0.31), grey)
    with pytest.raises(UserError, match=r"have 1 channels, but .* mean \(0.485, .*; give one value for each channel"):
        Scale(IMAGENET_MEAN, IMAGENET_STD).denormalise(grey)


def test_what_is_not_a_number_is_no_picture():
    with pytest.raises(UserError, match="have values from nan to nan instead of 0 to 1"):
        Scale(IMAGENET_MEAN, IMAGENET_STD).denormalise(PICTURES * torch.nan)


def test_a_batch_of_this_project_keeps_its_positions():
    images, labels, indices = [PICTURES[0]], torch.tensor([1]), torch.tensor([7])
    assert unpack(Batch(images, labels, indices)) == (images, labels, indices)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"x": PICTURES, "y": torch.zeros(2)}, "with the keys x, y; it knows"),
        (PICTURES, "with Tensor; it knows"),
        ((PICTURES[0], torch.tensor(1)), "with tuple; it knows"),
        ((PICTURES, torch.zeros(2, 10)), r"not labels of shape \(2, 10\) and type torch.float32"),
        ((PICTURES, torch.zeros(2)), "type torch.float32"),
    ],
)
def test_other_batches_are_one_sentence(batch, message):
    with pytest.raises(UserError, match=message):
        unpack(batch)
