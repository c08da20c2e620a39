import numpy as np
import pytest
import scipy.spatial.distance
import torch

from lit_invariance.diagnostics.neighbours import nearest_distances


@pytest.mark.parametrize("memory", [2**20, 1])
def test_nearest_are_those_of_scipy(memory):
    draw = torch.Generator().manual_seed(0)
    test = [torch.rand(n, 3, 2, 2, generator=draw) for n in (4, 3)]
    train = [torch.rand(n, 3, 2, 2, generator=draw) for n in (5, 20, 1)]
    embed = torch.nn.Flatten()
    found = nearest_distances(embed, test, lambda: train, neighbours=7, memory=memory)
    flat = [torch.cat(parts).flatten(1).double().numpy() for parts in (test, train)]
    expected = np.sort(scipy.spatial.distance.cdist(*flat, "sqeuclidean"))[:, :7].mean(1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_too_few_images():
    pictures = [torch.rand(3, 3, 2, 2)]
    with pytest.raises(ValueError, match="fewer than 10 training images"):
        nearest_distances(torch.nn.Flatten(), pictures, lambda: pictures)
    with pytest.raises(ValueError, match="no test image"):
        nearest_distances(torch.nn.Flatten(), [], lambda: pictures)
