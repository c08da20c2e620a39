import numpy as np
import pytest
import torch
from scipy import ndimage

from lit_invariance.errors import UserError
from lit_invariance.mitigations.ops.sharpness import sharpest, sharpness


def test_the_score_is_the_laplacian_of_the_smoothed_brightness():
    images = torch.rand(2, 3, 12, 9).double()
    smoothing = np.outer([1, 2, 1], [1, 2, 1])
    laplacian = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
    for picture, score in zip(images.numpy(), sharpness(images).numpy(), strict=True):
        filtered = ndimage.correlate(ndimage.correlate(picture.sum(0), smoothing), laplacian)
        np.testing.assert_allclose(score, np.abs(filtered)[2:-2, 2:-2], atol=1e-12)


def test_the_sharpest_position_within_reach():
    images = torch.full((2, 3, 20, 30), 0.5)
    images[0, :, 4, 25] = 1.0
    images[0, :, 9, 12] = 0.8
    images[1, :, 0, 28] = 1.0  # no candidate itself, but its neighbours score for it
    assert sharpest(images).tolist() == [[4, 25], [2, 27]]
    assert sharpest(images, (6, 10)).tolist()[0] == [4, 25]
    assert sharpest(images, (6, 9)).tolist()[0] == [9, 12]
    assert sharpest(images, (5, 10)).tolist()[0] == [9, 12]


def test_of_equals_the_first_wins():
    assert sharpest(torch.zeros(1, 3, 9, 9)).tolist() == [[2, 2]]
    assert sharpest(torch.zeros(1, 3, 9, 9), (1, 0)).tolist() == [[3, 4]]


def test_a_picture_smaller_than_a_score():
    with pytest.raises(UserError, match="pictures of 5 pixels or more per side, not 4"):
        sharpest(torch.rand(1, 3, 4, 8))
