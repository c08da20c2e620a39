import pytest

from lit_invariance.report.verdicts import verdict, verdicts
from lit_invariance.results.schema import find_row

STEADY = ("aug_resnet50", "crop", "top1_change")


@pytest.fixture
def compared(results):
    """Under crop: steadier, less accurate; under embed_black nothing is shown; a cost of twice the time."""
    for score, value, p in (("top1_change", -0.05, 0.001), ("accuracy", -0.03, 0.02)):
        row = find_row(results, "aug_resnet50", "crop", score)
        row |= {"difference": value, "difference_low": value - 0.02, "difference_high": value + 0.02, "p_holm": p}
    find_row(results, "aug_resnet50", "embed_black", "top1_change")["p_holm"] = 0.3
    cost = {"macs": 1, "latency_ms": 2.0, "peak_bytes": 4_000_000, "peak_method": "tensors", "batch": 8}
    cost |= {"device": "cpu", "memory_format": "channels_last", "threads": 1}
    for model in results["models"]:
        model["cost"] = dict(cost)
    results["models"][2] |= {"passes": 4, "cost": cost | {"latency_ms": 5.0}}
    return results


def lines(results, title):
    part = next(part for part in verdicts(results) if part["title"] == title)
    return {line["label"]: [(cell["text"], cell["detail"]) for cell in line["cells"]] for line in part["lines"]}


def test_better_worse_and_not_shown(compared):
    assert verdict(compared, *STEADY) == "better"  # fewer changes
    assert verdict(compared, "aug_resnet50", "crop", "accuracy") == "worse"
    assert verdict(compared, "aug_resnet50", "embed_black", "top1_change") == "open"
    steady = lines(compared, "steadiness")
    assert list(steady) == ["crop", "embed_black", "scale_black(min_side=80)"]
    assert steady["crop"][0] == (".260", "[.230, .295]")
    assert steady["crop"][2] == ("▲ better", "-.050 [-.070, -.030]")
    assert lines(compared, "accuracy")["crop"][2] == ("▼ worse", "-.030 [-.050, -.010]")
    assert steady["embed_black"][2][0] == "not shown"


def test_undefined(compared):
    find_row(compared, *STEADY)["difference"] = None
    assert verdict(compared, *STEADY) == "undefined"
    assert lines(compared, "steadiness")["crop"][2] == ("undefined", "")


@pytest.mark.parametrize("name", ["baseline", "aug_resnet50"])
def test_nobody_at_chance_is_better(compared, name):
    compared["at_chance"] = {"crop": [name]}
    assert verdict(compared, *STEADY) == "chance"
    assert lines(compared, "steadiness")["crop"][2] == ("at chance", "")
    assert verdict(compared, "aug_resnet50", "crop", "accuracy") == "worse"  # accuracy can be compared


def test_costs_are_times_the_reference_s(compared):
    costs = lines(compared, "cost of one view")
    assert [cells[0] for cells in costs.values()] == [("1", ""), ("2 ms", ""), ("4 MB", "")]
    assert [cells[2] for cells in costs.values()] == [("4", "x 4"), ("5 ms", "x 2.5"), ("4 MB", "")]
    for model in compared["models"]:
        model["cost"] = None
    assert list(lines(compared, "cost of one view")) == ["passes"]


def test_a_delay_is_a_cost(compared):
    compared["models"][2]["delay"] = 4.0
    assert lines(compared, "cost of one view")["delay"] == [("none", ""), ("none", ""), ("4 frames", ""), ("none", "")]
