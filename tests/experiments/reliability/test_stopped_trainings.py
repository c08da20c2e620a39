import pytest
import torch

from lit_invariance.experiments.reliability.stopped_trainings import killed_trainings, same


def test_a_killed_training_ends_as_an_undisturbed_one(tmp_path):
    tally = killed_trainings(tmp_path, 1, seed=5)
    assert tally.failures == []
    assert tally.outcomes == {"resumed, bitwise equal": 1}


@pytest.mark.parametrize("other", [{"a": [torch.ones(2)]}, {"a": [torch.zeros(2)], "b": 1}, {"a": [0]}])
def test_differences_are_seen(other):
    one = {"a": [torch.zeros(2)]}
    assert same(one, {"a": [torch.zeros(2)]})
    assert not same(one, other)
