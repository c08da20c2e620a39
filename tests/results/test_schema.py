import json

import pytest

from lit_invariance.errors import UserError
from lit_invariance.results.schema import find_row, read_results, scores_under


def test_read_back(results, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    assert read_results(path) == results


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read as a results file"),
        ("{cut", "cannot be read as a results file"),
        ("[]", "cannot be read as a results file"),
        ('{"schema": 99}', "has schema 99, this version reads 2; evaluate again"),
    ],
)
def test_refused(tmp_path, text, message):
    path = tmp_path / "results.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_results(path)


def test_lookups(results):
    assert scores_under(results, "centre_crop") == ["accuracy"]
    assert scores_under(results, "crop") == list(results["scores"])
    assert find_row(results, "baseline", "crop", "agreement")["mean"] == 0.8
    with pytest.raises(KeyError):
        find_row(results, "baseline", "centre_crop", "agreement")
