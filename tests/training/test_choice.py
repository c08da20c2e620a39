import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import SubsetRandomSampler

from lit_invariance.training.choice import Choice, choose, evenly, known_order
from tests.training.foreign import QUIET, Foreign, loader


@pytest.mark.parametrize(
    ("count", "wanted", "chosen"),
    [(10, 3, [0, 3, 6]), (10, 10, list(range(10))), (3, 9, [0, 1, 2]), (7, 2, [0, 3]), (0, 4, [])],
)
def test_evenly(count, wanted, chosen):
    assert evenly(range(count), wanted) == chosen


def test_a_position_counts_once_an_epoch():
    choice = Choice([4, 9, 4, 2], {4, 2})
    assert choice.rows(2) == {0: 4}
    assert choice.rows(2) == {1: 2}
    assert choice.rows(3) == {}


@pytest.mark.parametrize(
    ("options", "known", "chosen"),
    [
        ({}, True, {0, 7, 15}),
        ({"limit_val_batches": 3}, True, {0, 4, 8}),
        ({"shuffle": True}, False, {0, 7, 15}),
        ({"sampler": SubsetRandomSampler(range(5, 20))}, False, {0, 5, 10}),
        ({"shuffle": True, "limit_val_batches": 3}, False, {0, 4, 8}),
        ({"batch_sampler": [[3, 1], [2]], "batch_size": 1}, False, {0, 1, 2}),
    ],
    ids=["in order", "some batches", "shuffled", "a random part", "some shuffled batches", "batches of one's own"],
)
@pytest.mark.filterwarnings("ignore:.*sampler has shuffling enabled")
def test_the_order_is_known_or_pictures_are_numbered_as_they_come(options, known, chosen):
    """23 pictures in batches of 4."""
    found = []

    class Watch(pl.Callback):
        def on_validation_start(self, trainer, pl_module):
            before = torch.get_rng_state()
            found.append((known_order(trainer) is not None, choose(trainer, 3).left))
            assert torch.equal(before, torch.get_rng_state())

    limit = options.get("limit_val_batches", 1.0)
    batches = loader(**{key: value for key, value in options.items() if key != "limit_val_batches"})
    pl.Trainer(callbacks=[Watch()], limit_val_batches=limit, **QUIET).validate(Foreign(), batches, verbose=False)
    assert found == [(known, chosen)]
