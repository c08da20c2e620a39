from typing import Any

import pytest
import torch
from torch.utils.data import Dataset

from lit_invariance.data.epochs import EpochLoader, EpochSampler, generator_of


class Positions(Dataset[tuple[int, int]]):
    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: tuple[int, int]) -> tuple[int, int]:
        return place


def order(epoch: int, count: int = 10, seed: int = 0, **options: Any) -> list[int]:
    sampler = EpochSampler(Positions(count), seed, batch_size=2, **options)
    sampler.set_epoch(epoch)
    seen = list(sampler)
    assert {place[0] for place in seen} <= {epoch}
    return [place[1] for place in seen]


def test_each_epoch_is_another_order_of_all_images() -> None:
    assert sorted(order(0)) == sorted(order(1)) == list(range(10))
    assert len({tuple(order(epoch)) for epoch in range(5)} | {tuple(order(0, seed=1))}) == 6
    assert order(3) == order(3)


def test_the_order_is_numpys() -> None:
    """Named by its source, so that a release that changed it would be noticed."""
    import numpy as np

    expected = np.random.default_rng(np.random.SeedSequence((7, 2), spawn_key=(0,))).permutation(10)
    assert order(2, seed=7) == expected.tolist()


@pytest.mark.parametrize("count", [9, 10, 1])
def test_processes_share_an_order_out_in_equal_parts(count: int) -> None:
    shares = [order(4, count, world=2, rank=rank) for rank in range(2)]
    assert len(shares[0]) == len(shares[1]) == -(-count // 2)
    together = [index for pair in zip(*shares, strict=True) for index in pair]
    assert together[:count] == order(4, count)
    assert set(together) == set(range(count))


def test_an_epoch_goes_on_after_the_batches_that_are_done() -> None:
    assert order(1, batches_done=lambda: 3) == order(1)[6:]


@pytest.mark.parametrize("workers", [0, 1])
def test_the_epoch_is_asked_for_with_the_first_batch(workers: int) -> None:
    """Lightning makes the iterator first and sets the epoch then."""
    sampler = EpochSampler(Positions(10), 0, batch_size=2)
    loader = EpochLoader(sampler.dataset, 2, sampler=sampler, num_workers=workers)
    batches = iter(loader)
    sampler.set_epoch(3)
    epochs, indices = zip(*batches, strict=True)
    assert torch.cat(epochs).unique().tolist() == [3]
    assert torch.cat(indices).tolist() == order(3)


def test_generators_of_all_purposes_and_numbers_are_independent() -> None:
    keys = [(0,), (0, 0), (0, 0, 0), (0, 1), (1, 0)]
    drawn = {generator_of(purpose, *key).integers(2**62) for purpose in ("order", "view", "step") for key in keys[2:]}
    assert len(drawn) == 9
    # What a further purpose guards against: numpy fills short lists of numbers up with zeros.
    assert len({generator_of("view", *key).integers(2**62) for key in keys[:3]}) == 1
