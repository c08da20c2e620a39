import pytest

from lit_invariance.report.table import format_tables, number


@pytest.mark.parametrize("width", [80, 120, 200])
def test_fits_the_width(results, width):
    assert max(map(len, format_tables(results, width).splitlines())) <= width


def test_stability_never_without_accuracy(results):
    lines = format_tables(results, width=80).splitlines()
    headings = [line.split() for line in lines if "top1_change" in line or "agreement" in line]
    tables = [heading for heading in headings if "better:" not in heading]
    assert len(tables) == 3 * 2
    assert {heading[0] for heading in tables} == {"accuracy"}


def test_every_row_is_there(results):
    text = format_tables(results)
    lines = text.split("\n\n")[2].splitlines()
    assert lines[0] == "embed_black: 2 views of each of 650 images"
    assert lines[1].split() == ["accuracy", "top1_change", "mean_absolute_change", "agreement"]
    assert lines[2].split("  ")[0] == "baseline (reference)"
    assert lines[2].split()[2:5] == [".800", "[.770,", ".835]"]
    assert lines[3].startswith("aa_resnet50 ")
    assert lines[4].split()[:4] == ["difference", "-.005", "[-.020,", "+.010]"]
    assert [line.count("*") for line in lines[4:9:2]] == [0, 4, 4]  # p_holm is .1, .025, .011
    assert len(lines) == 2 + 1 + 3 * 2


def test_single_view_and_long_names(results):
    first = format_tables(results).split("\n\n")[0]
    assert first.startswith("centre_crop: 1 view of each")
    assert "top1_change" not in first
    assert "a_very_long_n..hat_was_tuned  .700" in first


def test_legend(results):
    text = format_tables(results)
    assert "[95% interval, bootstrap over images]" in text
    assert "higher is better: accuracy, agreement; lower is better: top1_change, mean_absolute_change" in text
    assert "difference from baseline" in text
    assert "* p < .05 in a paired test, corrected for all comparisons shown (Holm)" in " ".join(text.split())


def test_scores_of_the_set_are_told_below_the_table(results):
    score = "error_consistency"
    results["scores"][score] = {"unit": "kappa", "higher_is_better": True}
    results["rows"] += [row | {"score": score} for row in results["rows"] if row["score"] == "agreement"]
    _, crop, *_ = format_tables(results, width=100).split("\n\n")
    line = " ".join(crop.partition("error_consistency (kappa): ")[2].split())
    assert line.startswith("baseline (reference) .800 [.770, .835]; aa_resnet50 .790 [.760, .825]; difference -.005 [")
    assert line.count("difference") == 3
    assert not [row for row in crop.splitlines() if row.count("[") != row.count("]")]
    assert max(map(len, crop.splitlines())) <= 100
    assert "higher is better: accuracy, agreement, error_consistency" in " ".join(format_tables(results).split())


def test_models_at_chance_are_marked_where_they_are(results):
    assert "at chance" not in format_tables(results)
    results["at_chance"] = {"crop": ["baseline", "aug_resnet50"]}
    tables = dict(zip(("centre_crop", "crop"), format_tables(results).split("\n\n"), strict=False))
    assert "at chance" not in tables["centre_crop"]
    marked = [line.partition("  ")[0] for line in tables["crop"].splitlines() if "at chance" in line]
    assert list(dict.fromkeys(marked)) == ["baseline (reference, at chance)", "aug_resnet50 (at chance)"]
    assert "at chance: not shown to be more accurate than always giving" in format_tables(results)


def test_own_images_are_told(results):
    assert "which differ between models" not in format_tables(results)
    score = "top1_change_given_correct"
    results["scores"][score] = results["scores"]["top1_change"]
    results["rows"] += [row | {"score": score} for row in results["rows"] if row["score"] == "top1_change"]
    results["protocols"][1]["headline"].append(score)
    assert f"{score} is a mean over the images that a model gets right, which differ between models" in format_tables(
        results
    )


def test_groups_of_seeds(results):
    assert "over seeds" not in format_tables(results)
    results["groups"] = [{"name": "aa", "members": ["aa_resnet50", "aug_resnet50"], "seeds": [0, 1]}]
    row = {"group": "aa", "protocol": "crop", "mean": 0.8, "seed_deviation": 0.02, "low": 0.7, "high": 0.85}
    results["protocols"] = results["protocols"][1:2]
    results["group_rows"] = [row | {"score": score} for score in results["scores"]]
    text = format_tables(results)
    assert "aa (2 seeds)" in text
    assert ".800 [.700, .850] ±.020" in text
    assert "over seeds: mean of the runs [interval over images], ± standard deviation of the runs' means" in text
    assert "difference over seeds" not in text
    compared = {"difference": -0.1, "difference_low": -0.15, "difference_high": -0.05, "p": 0.001, "p_holm": 0.004}
    results["group_rows"] = [row | compared for row in results["group_rows"]]
    table, legend = format_tables(results).split("\n\n")
    blocks = [line for line in table.splitlines() if "-.100 [-.150, -.050]*" in line]
    assert [line.split()[0] for line in blocks] == ["difference"] * len(blocks)
    assert sum(line.count("-.100 [-.150, -.050]*") for line in blocks) >= len(
        results["scores"]
    )  # accuracy in each block
    assert "difference over seeds: from the group of baseline, between runs of one seed" in " ".join(legend.split())


def test_many_passes_are_told(results):
    assert "forward passes" not in format_tables(results)
    for model, passes in zip(results["models"], (1, 16, 1, 4), strict=True):
        model["passes"] = passes
    told = "forward passes for one view: aa_resnet50 takes 16, a_very_long_name_of_a_run_that_was_tuned takes 4"
    assert told in format_tables(results)


def test_one_model_has_no_differences(results):
    results["models"] = results["models"][:1]
    results["rows"] = [row for row in results["rows"] if row["model"] == "baseline"]
    assert "difference" not in format_tables(results)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1234, ".123"),
        (1.0, "1.000"),
        (-0.5, "-.500"),
        (-1.5, "-1.500"),
        (-0.0004, ".000"),
        (10.0, "10.000"),
        (0.9996, "1.000"),
    ],
)
def test_number(value, text):
    assert number(value) == text
