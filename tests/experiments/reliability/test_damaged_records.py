import sys
import time

import numpy as np
import pytest

from lit_invariance.errors import UserError
from lit_invariance.experiments.reliability import mutations
from lit_invariance.experiments.reliability.damaged_records import (
    damaged_checkpoints,
    damaged_configs,
    damaged_results,
    quiet,
)
from lit_invariance.experiments.reliability.injecting import line
from lit_invariance.experiments.reliability.kinds import KINDS
from lit_invariance.experiments.reliability.mutations import Tally, outcome_of
from lit_invariance.experiments.reliability.structured import mutate_value


@pytest.mark.parametrize(("inject", "count"), [(damaged_results, 30), (damaged_configs, 12), (damaged_checkpoints, 40)])
def test_damaged_files_are_read_or_refused(tmp_path, inject, count):
    tally = inject(tmp_path, count, seed=5)
    assert tally.failures == []
    assert tally.outcomes.total() == count
    assert tally.outcomes["refused"]


def test_what_is_wrong_is_seen(tmp_path):
    def fail(path):
        raise KeyError(path.name)

    def leave(path):
        with quiet():
            raise SystemExit(1)

    def refuse(path):
        with quiet():
            sys.stderr.write("error: no")
            raise SystemExit(2)

    failures = []
    assert [outcome_of(read, tmp_path / "x", failures) for read in (fail, leave, refuse)] == [
        "failed",
        "failed",
        "refused",
    ]
    with pytest.raises(mutations.NoEnd), mutations.time_limit(0.05):
        time.sleep(30)
    assert failures == ["x: KeyError('x')", "x: AssertionError('exit code 1')"]
    with pytest.raises(UserError, match="error: no"):
        refuse(tmp_path)


def test_damages_to_values_change_a_copy():
    value = {"a": [1, 2, {"b": "c"}], "d": None}
    changed = [mutate_value(value, np.random.default_rng(number)) for number in range(50)]
    assert value == {"a": [1, 2, {"b": "c"}], "d": None}
    assert sum(other != value for other in changed) > 40


def test_a_line_of_the_table():
    tally = Tally()
    tally.outcomes.update(refused=3, read=1)
    assert line("boxes", tally) == f"| {KINDS['boxes'].what} | 4 | 3 refused, 1 read, 0 failed |"
