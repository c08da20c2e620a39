import pytest

from lit_invariance.report.sentences import chance_protocols, headline, in_numbers
from lit_invariance.report.steadiness import leading_protocol
from lit_invariance.results.schema import find_row


@pytest.fixture
def compared(results):
    """Steadier under crop and embed_black, by .05 [.03, .08]; accuracy not shown to differ."""
    for protocol, p in (("crop", 0.0004), ("embed_black", 0.02), ("scale_black(min_side=80)", 0.3)):
        change = find_row(results, "aug_resnet50", protocol, "top1_change")
        change |= {"difference": -0.05, "difference_low": -0.08, "difference_high": -0.03, "p_holm": p}
        accuracy = find_row(results, "aug_resnet50", protocol, "accuracy")
        accuracy |= {"difference": 0.01, "difference_low": -0.01, "difference_high": 0.03, "p_holm": 0.4}
    return results


def test_reference(compared):
    assert leading_protocol(compared) == "crop"
    assert headline(compared, "baseline") == (
        "Changes 26 of 100 answers (23 to 30) from one view to the next and is right on 80 of 100 views (77 to 84)."
    )
    assert in_numbers(compared, "baseline") == ""


def test_another_model(compared):
    told = headline(compared, "aug_resnet50")
    assert told.startswith("Changes 16 of 100 answers (13 to 19) from one view to the next and is right on 81 of 100")
    assert told.endswith("views (78 to 85): steadier than baseline, no difference from baseline is shown in accuracy.")
    assert in_numbers(compared, "aug_resnet50") == (
        "Against baseline: changed answers -5.0 points [-8.0, -3.0], corrected p < .001; "
        "accuracy +1.0 points [-1.0, +3.0], corrected p = .400. "
        "It is shown to be steadier under 2 and less steady under 0 of 3 protocols."
    )


def test_worse_and_less_accurate(compared):
    for score, low in (("top1_change", 0.1), ("accuracy", -0.2)):
        row = find_row(compared, "aug_resnet50", "crop", score)
        row |= {"difference": low + 0.05, "difference_low": low, "difference_high": low + 0.08, "p_holm": 0.001}
    assert headline(compared, "aug_resnet50").endswith(": less steady than baseline and less accurate than baseline.")
    numbers = in_numbers(compared, "aug_resnet50")
    assert "changed answers +15.0 points [+10.0, +18.0], corrected p = .001; accuracy -15.0" in numbers
    assert numbers.endswith("steadier under 1 and less steady under 1 of 3 protocols.")


def test_nothing_shown_and_undefined(compared):
    for row in compared["rows"]:
        row["p_holm"] = 0.9
    assert headline(compared, "aug_resnet50").endswith(
        ": no difference from baseline is shown in steadiness or in accuracy."
    )
    row = find_row(compared, "aug_resnet50", "crop", "top1_change")
    row |= dict.fromkeys(("mean", "low", "high", "difference", "difference_low", "difference_high"))
    assert headline(compared, "aug_resnet50").startswith("Changes an unknown share of the answers from one view")
    numbers = in_numbers(compared, "aug_resnet50")
    assert "changed answers not comparable" in numbers
    assert numbers.endswith("No difference in steadiness is shown under any of 3 protocols.")


def test_few_are_counted_of_a_thousand(compared):
    row = find_row(compared, "baseline", "crop", "top1_change")
    row |= {"mean": 0.0042, "low": 0.0011, "high": 0.0119}
    assert headline(compared, "baseline").startswith("Changes 4 of 1000 answers (1 to 12) from one view to the next")


def test_only_accuracy(compared):
    compared["protocols"] = compared["protocols"][:1]
    assert leading_protocol(compared) == "centre_crop"
    assert headline(compared, "baseline") == "Is right on 80 of 100 views (77 to 84)."
    assert headline(compared, "aug_resnet50").endswith(": less accurate than baseline.")


def test_only_steadiness(compared):
    compared["rows"] = [row for row in compared["rows"] if row["score"] != "accuracy"]
    compared["scores"].pop("accuracy")
    assert headline(compared, "aug_resnet50") == (
        "Changes 16 of 100 answers (13 to 19) from one view to the next: steadier than baseline."
    )


@pytest.mark.parametrize("model", ["baseline", "aug_resnet50"])
def test_a_model_at_chance_is_never_called_steadier(compared, model):
    compared["at_chance"] = {"crop": [model], "embed_black": [model]}
    told, numbers = headline(compared, "aug_resnet50"), in_numbers(compared, "aug_resnet50")
    assert "steadier" not in told
    assert "changed answers" not in numbers
    assert numbers.endswith(
        "No difference in steadiness is shown under any of 3 protocols; under 2 it or baseline is at chance."
    )
    assert chance_protocols(compared, model) == ["crop", "embed_black"]
    assert headline(compared, model).startswith(
        "At chance: not shown to be more accurate than always giving the most common answer, so that how steady it is"
    )
    if model == "baseline":
        assert "its steadiness cannot be compared, because baseline is at chance" in told
