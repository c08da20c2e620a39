import pytest
import torch
from torch.utils.data import DistributedSampler, TensorDataset

from lit_invariance.data.unpadded_sampler import UnpaddedSampler


@pytest.mark.parametrize("count", [1, 7, 8, 9])
@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_every_sample_on_exactly_one_process(count: int, world: int) -> None:
    data = TensorDataset(torch.arange(count))
    samplers = [UnpaddedSampler(data, world, rank) for rank in range(world)]
    seen = [index for sampler in samplers for index in sampler]
    assert sorted(seen) == list(range(count))
    assert [len(sampler) for sampler in samplers] == [len(list(sampler)) for sampler in samplers]
    assert max(map(len, samplers)) - min(map(len, samplers)) <= 1
    assert isinstance(samplers[0], DistributedSampler)  # or Lightning would put its own in place


def test_pytorchs_own_repeats_samples() -> None:
    data = TensorDataset(torch.arange(7))
    own = [index for rank in range(2) for index in DistributedSampler(data, 2, rank, shuffle=False)]
    assert len(own) == 8
