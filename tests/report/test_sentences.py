import pytest

from lit_invariance.report.sentences import leading_protocol, summary_sentence
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
    assert summary_sentence(compared, "baseline") == (
        "is right on 80.0 % [77.0, 83.5] of the views of crop and changes its answer from one view to the next in "
        "26.0 % [23.0, 29.5] of the cases."
    )


def test_another_model(compared):
    sentence = summary_sentence(compared, "aug_resnet50")
    assert (
        "Compared with baseline it is steadier (-5.0 points [-8.0, -3.0], corrected p < .001); "
        "not shown to differ in accuracy (+1.0 points [-1.0, +3.0], corrected p = .400)." in sentence
    )
    assert sentence.endswith("It is shown to be steadier under 2 and less steady under 0 of 3 protocols.")


def test_worse_and_less_accurate(compared):
    for score, low in (("top1_change", 0.1), ("accuracy", -0.2)):
        row = find_row(compared, "aug_resnet50", "crop", score)
        row |= {"difference": low + 0.05, "difference_low": low, "difference_high": low + 0.08, "p_holm": 0.001}
    sentence = summary_sentence(compared, "aug_resnet50")
    assert "it is less steady (+15.0 points [+10.0, +18.0], corrected p = .001); less accurate (-15.0" in sentence
    assert sentence.endswith("steadier under 1 and less steady under 1 of 3 protocols.")


def test_nothing_shown_and_undefined(compared):
    for row in compared["rows"]:
        row["p_holm"] = 0.9
    row = find_row(compared, "aug_resnet50", "crop", "top1_change")
    row |= dict.fromkeys(("mean", "low", "high", "difference", "difference_low", "difference_high"))
    sentence = summary_sentence(compared, "aug_resnet50")
    assert "in an undefined share of the cases" in sentence
    assert "not comparable in steadiness" in sentence
    assert sentence.endswith("No difference in steadiness is shown under any of 3 protocols.")


def test_only_accuracy(compared):
    compared["protocols"] = compared["protocols"][:1]
    assert leading_protocol(compared) == "centre_crop"
    assert summary_sentence(compared, "baseline") == "is right on 80.0 % [77.0, 83.5] of the views of centre_crop."


@pytest.mark.parametrize("model", ["baseline", "aug_resnet50"])
def test_a_model_at_chance_is_never_called_steadier(compared, model):
    compared["at_chance"] = {"crop": [model], "embed_black": [model]}
    sentence = summary_sentence(compared, "aug_resnet50")
    assert f"not comparable in steadiness because {model} is at chance" in sentence
    assert "it is steadier" not in sentence
    assert sentence.endswith(
        "No difference in steadiness is shown under any of 3 protocols; under 2 it or baseline is at chance."
    )
    told = "It is at chance, not shown to be more accurate than always giving the most common answer"
    assert told in summary_sentence(compared, model)
