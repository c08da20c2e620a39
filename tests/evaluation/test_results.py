import json

import numpy as np
import pytest

from lit_invariance.evaluation.geometry import Geometry
from lit_invariance.evaluation.measured import Measured
from lit_invariance.evaluation.model_sources import find_sources
from lit_invariance.evaluation.models import load_models
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.evaluation.results import compile_results, protocol_entry, summarise_measured, write_results
from lit_invariance.evaluation.settings import Settings
from lit_invariance.results.outcomes import Outcomes
from lit_invariance.results.schema import ModelEntry, ProtocolEntry, ResultsContent, Row, ScoreEntry


@pytest.fixture
def outcomes():
    column = np.arange(4) / 4
    return Outcomes(np.arange(4), np.zeros(4, dtype=np.int64), {("a", "centre_crop", "accuracy"): column}, {})


@pytest.fixture
def results(outcomes):
    models = load_models(find_sources(["a=tiny_resnet@none"]), 10, Geometry(otherwise=16), seed=0)
    (choice,) = choose_protocols(["centre_crop"])
    run = {"folded": 0, "compiled": False, "batch": 16, "lanes": 1}
    measured = Measured(outcomes, [protocol_entry(choice, models[0])], {"dataset": "shapes"}, [run])
    summary = summarise_measured(measured, models, "a", seed=4)
    return compile_results(measured, summary, models, Settings("a", seed=4), "cpu", costs=[None], diagnostics={})


def test_results_have_the_fields_of_the_schema(results):
    assert results.keys() == ResultsContent.__required_keys__
    assert results["models"][0].keys() == ModelEntry.__annotations__.keys() - {"delay"}
    assert results["protocols"][0].keys() == ProtocolEntry.__required_keys__
    assert results["rows"][0].keys() == Row.__annotations__.keys()
    assert results["scores"].keys() == {"accuracy"}
    assert results["scores"]["accuracy"].keys() == ScoreEntry.__annotations__.keys()


def test_a_failed_writing_leaves_the_old_file(results, outcomes, tmp_path):
    write_results(results, outcomes, tmp_path)
    before = json.loads((tmp_path / "results.json").read_text())
    results["rows"][0]["mean"] = float("nan")
    with pytest.raises(ValueError, match="JSON"):
        write_results(results, outcomes, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == before
    assert len(list(tmp_path.iterdir())) == 3
