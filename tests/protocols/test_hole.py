from math import comb

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d

from lit_invariance.protocols.hole import fill_hole
from lit_invariance.protocols.inpainting import Rectangle, inpaint

KERNEL = np.array([comb(12, tap) for tap in range(13)]) / 2**12
PICTURE = torch.rand(3, 30, 44, generator=torch.Generator().manual_seed(0))


def blurred(values):
    return correlate1d(correlate1d(values, KERNEL, -1, mode="constant"), KERNEL, -2, mode="constant")


def filled_by_definition(picture, known):
    """Normalised convolution pass by pass, in double precision by SciPy."""
    picture, known = picture * known, known.astype(float)
    while not known.all():
        weight = blurred(known)
        new = (known == 0) & (weight > 0)
        picture = np.where(new, blurred(picture) / np.where(weight > 0, weight, 1), picture)
        known = np.where(new, 1.0, known)
    return picture


@pytest.mark.parametrize("hole", [np.s_[8:22, 10:35], np.s_[0:25, 0:30], np.s_[:, 5:44], np.s_[3:4, 7:8]])
def test_holes_are_filled_as_the_definition_says(hole):
    known = np.ones((30, 44), bool)
    known[hole] = False
    expected = filled_by_definition(PICTURE.double().numpy(), known)
    filled = fill_hole(PICTURE, torch.from_numpy(known))
    np.testing.assert_allclose(filled, expected, atol=2e-6)
    assert torch.equal(filled[:, torch.from_numpy(known)], PICTURE[:, torch.from_numpy(known)])


def test_around_a_rectangle_it_is_the_inpainting_of_the_embeddings():
    known = torch.zeros(30, 44, dtype=torch.bool)
    known[9:20, 12:30] = True
    expected = inpaint(PICTURE[None], [Rectangle(9, 12, 20, 30)])[0]
    torch.testing.assert_close(fill_hole(PICTURE, known), expected, atol=1e-5, rtol=0)


def test_nothing_known_is_refused():
    with pytest.raises(ValueError, match="no pixel of the picture is known"):
        fill_hole(PICTURE, torch.zeros(30, 44, dtype=torch.bool))
