import numpy as np
import pytest

from lit_invariance.data.images import decode
from lit_invariance.experiments.reliability.damaged_data import damaged_boxes, damaged_pictures, small_pictures
from lit_invariance.experiments.reliability.mutations import mutate, survive


def test_whole_pictures_are_read(tmp_path):
    for name, content in small_pictures().items():
        (tmp_path / name).write_bytes(content)
        assert decode(tmp_path / name).shape in ((3, 16, 24), (3, 24, 16)), name


@pytest.mark.parametrize(("run", "count"), [(damaged_pictures, 340), (damaged_boxes, 200)])
def test_damaged_files_are_read_or_refused(tmp_path, run, count):
    tally = run(tmp_path, count)
    assert tally.failures == []
    assert set(tally.outcomes) == {"read", "refused"}
    assert tally.outcomes.total() == count
    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_seen(tmp_path):
    def read(path):
        raise ZeroDivisionError(path.suffix)

    tally = survive({"a.png": b"content"}, read, tmp_path, 3, seed=0)
    assert tally.outcomes == {"failed": 3}
    assert tally.failures == [f"{number}_a.png: ZeroDivisionError('.png')" for number in range(3)]


def test_damages_are_seeded_and_do_damage():
    data = bytes(range(256))
    damaged = [mutate(data, np.random.default_rng(seed)) for seed in range(50)]
    assert damaged == [mutate(data, np.random.default_rng(seed)) for seed in range(50)]
    assert sum(one != data for one in damaged) >= 48  # a byte may be replaced by its like
