import pytest

from lit_invariance.report.overview import format_overview


def lines_of(text):
    return [line.split() for line in text.splitlines()[1:]]


def test_a_line_for_each_protocol_with_marks(results):
    found = lines_of(format_overview(results, 200))
    assert found[0] == [
        "protocol",
        "stability",
        "baseline",
        "(reference)",
        "aa_resnet50",
        "aug_resnet50",
        *found[0][-1:],
    ]
    assert found[1] == ["centre_crop", "-", ".800", ".790", ".810*", ".700*"]
    # p_holm is .1 for the second model, .025 and .011 for the others.
    assert found[2] == ["crop", "top1_change", ".800", ".260", ".790", ".210", ".810*", ".160*", ".700*", ".110*"]
    assert len(found) == 1 + 4


@pytest.mark.parametrize("width", [70, 90, 120])
def test_models_that_do_not_fit_are_put_below(results, width):
    text = format_overview(results, width)
    assert max(map(len, text.splitlines()[1:])) <= width
    assert [text.count(name) for name in ("baseline", "aa_resnet50", "aug_resnet50", "a_very_long")] == [1] * 4


def test_models_at_chance_are_in_brackets(results):
    results["at_chance"] = {"crop": ["baseline"]}
    found = lines_of(format_overview(results, 200))
    assert found[2][2:6] == [".800", "(.260)", ".790", ".210"]
    assert found[3][3] == ".190"  # not under embed_black
    assert found[-1][0] == "(in"


def test_another_score_where_the_usual_one_is_not_shown(results):
    results["protocols"][1]["headline"] = ["accuracy", "agreement"]
    assert lines_of(format_overview(results, 200))[2][:4] == ["crop", "agreement", ".800", ".800"]


def test_one_protocol_has_no_overview(results):
    results["protocols"] = results["protocols"][1:2]
    assert format_overview(results) == ""
