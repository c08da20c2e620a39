import pytest

from lit_invariance.results.schema import find_row, scores_under


def test_lookups(results):
    assert scores_under(results, "centre_crop") == ["accuracy"]
    assert scores_under(results, "crop") == list(results["scores"])
    assert find_row(results, "baseline", "crop", "agreement")["mean"] == 0.8
    with pytest.raises(KeyError):
        find_row(results, "baseline", "centre_crop", "agreement")
