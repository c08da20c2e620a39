from lit_invariance.experiments.reliability.shared_folders import foreign_folders, full_disks
from lit_invariance.experiments.reliability.stopped_evaluations import killed_evaluations


def test_a_killed_evaluation_ends_as_an_undisturbed_one(tmp_path):
    tally = killed_evaluations(tmp_path, 1, seed=3)
    assert tally.failures == []
    assert tally.outcomes == {"resumed, results equal": 1}


def test_full_disks_and_foreign_files(tmp_path):
    assert full_disks(tmp_path / "full", 1).failures == []
    assert foreign_folders(tmp_path / "foreign", 3).outcomes.total() == 3
