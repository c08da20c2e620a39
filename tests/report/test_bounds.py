import pytest

from lit_invariance.report.bounds import Bound, judge
from tests.report.conftest import MODELS

CHANGE = ("crop", "top1_change")  # .26, .21, .16 and .11, each with an interval from .03 below to .035 above


@pytest.mark.parametrize(
    ("limit", "above", "strict", "broken"),
    [
        (0.2, True, False, [True, True, False, False]),
        (0.2, False, False, [False, False, True, True]),
        (0.18, True, True, [True, True, True, False]),
        (0.15, False, True, [False, False, True, True]),
        (0.26, True, False, [False] * 4),  # a limit is still allowed
        (0.26, False, False, [False, True, True, True]),
    ],
)
def test_means_or_whole_intervals_are_held_to_a_limit(limit, above, strict, broken, results):
    for row in results["rows"]:  # as exact as the limits of this test
        row["mean"] = round(row["mean"], 6)
    verdicts = judge(results, [Bound(*CHANGE, limit, above)], strict)
    assert [verdict.model for verdict in verdicts] == list(MODELS)
    assert [verdict.broken for verdict in verdicts] == broken


def test_the_sentence_says_which_model_value_and_interval(results):
    found = judge(results, [Bound(*CHANGE, 0.2, above=True)], strict=False)
    assert found[0].sentence == "crop.top1_change of baseline is .260 [.230, .295], above the bound 0.2"
    assert found[3].sentence.endswith("tuned is .110 [.080, .145], within the bound 0.2")
    strict = judge(results, [Bound("crop", "accuracy", 0.79, above=False)], strict=True)
    assert strict[0].sentence.endswith("is .800 [.770, .835], its interval reaches below the bound 0.79")


def test_a_model_at_chance_is_told(results):
    results["at_chance"] = {"crop": ["baseline"]}
    found = judge(results, [Bound(*CHANGE, 0.3, above=True)], strict=False)
    assert found[0].sentence.startswith("crop.top1_change of baseline (at chance) is .260")
    assert found[1].sentence.startswith("crop.top1_change of aa_resnet50 is ")


def test_a_name_means_every_protocol_of_that_name_and_a_label_one(results):
    results["protocols"].append(results["protocols"][3] | {"label": "scale_black(min_side=90)"})
    results["rows"] += [
        row | {"protocol": "scale_black(min_side=90)"}
        for row in results["rows"]
        if row["protocol"] == "scale_black(min_side=80)"
    ]
    both = judge(results, [Bound("scale_black", "accuracy", 0, above=False)], strict=False)
    one = judge(results, [Bound("scale_black(min_side=90)", "accuracy", 0, above=False)], strict=False)
    assert (len(both), len(one)) == (8, 4)
    assert {verdict.protocol for verdict in one} == {"scale_black(min_side=90)"}


def test_what_is_undefined_keeps_no_bound(results):
    for row in results["rows"]:
        if row["model"] == "baseline":
            row |= {"mean": None, "low": None, "high": None}
    verdicts = judge(results, [Bound(*CHANGE, 1, above=True)], strict=False)
    assert [verdict.broken for verdict in verdicts] == [True, False, False, False]
    assert verdicts[0].sentence == "crop.top1_change of baseline is undefined"
