import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lit_invariance.cli.evaluate import evaluate
from lit_invariance.errors import UserError
from lit_invariance.results.reading import read_results
from lit_invariance.results.schema import find_row

CHOSEN = ["--models", "small=tiny_resnet@none", "--protocols", "crop", "centre_crop", "--cost", "false"]
SHAPES = ["--data.dataset", "shapes", "--data.image_size", "16", "--data.shapes", "{val_images: 23}"]
QUICK = ["--accelerator", "cpu", "--progress", "false", "--output", "out"]
COMMAND = [*CHOSEN, *SHAPES, *QUICK]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gate")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        evaluate(COMMAND)
    return folder


@pytest.fixture
def measured(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return find_row(read_results(Path("out/results.json")), "small", "centre_crop", "accuracy")


def leaves(arguments):
    with pytest.raises(SystemExit) as leave:
        evaluate(arguments)
    return leave.value.code


def test_a_broken_bound_is_one_line_and_code_1(measured, capsys):
    mean, low = measured["mean"], measured["low"]
    assert leaves(["--from", "out", "--fail_below", f"centre_crop.accuracy={mean + 0.01}"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith("bound broken: centre_crop.accuracy of small (at chance) is .")
    assert ElementTree.parse("out/junit.xml").getroot().get("failures") == "1"
    evaluate(
        ["--from", "out", "--fail_below", f"centre_crop.accuracy={mean - 1e-6}", "--fail_above", "crop.top1_change=1"]
    )
    printed = capsys.readouterr()
    assert (printed.out.count("bound kept: "), printed.err) == (2, "")
    assert ElementTree.parse("out/junit.xml").getroot().get("failures") == "0"
    between = f"centre_crop.accuracy={(mean + low) / 2}"
    evaluate(["--from", "out", "--fail_below", between])
    assert leaves(["--from", "out", "--fail_below", between, "--strict"]) == 1


def test_a_measurement_is_judged_and_a_later_one_takes_the_verdicts_away(in_folder):
    assert leaves([*COMMAND, "--fail_below", "centre_crop.accuracy=1.1"]) == 1
    assert {path.name for path in Path("out").iterdir()} >= {"junit.xml", "results.json", "report.html"}
    evaluate(COMMAND)
    assert not Path("out/junit.xml").exists()


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        ("crp.top1_change=1", "unknown protocol of a bound 'crp'; did you mean crop"),
        ("embed_black.top1_change=1", "unknown protocol of a bound 'embed_black'"),
        ("crop.top1=1", "unknown score of a bound 'top1'; did you mean top1_change"),
        (
            "centre_crop.top1_change=1",
            "top1_change is not measured under centre_crop; a bound can be on accuracy",
        ),
        ("top1_change=1", "--fail_above is 'top1_change=1'; write protocol.score=limit"),
        ("crop.top1_change", "write protocol.score=limit"),
        ("crop.top1_change=nan", "write protocol.score=limit"),
    ],
)
def test_a_bound_on_nothing_is_told_before_anything_is_measured(bound, message, in_folder):
    with pytest.raises(UserError, match=message):
        evaluate([*COMMAND, "--fail_above", bound])
    assert list(in_folder.iterdir()) == []


def test_so_it_is_of_earlier_results(measured):
    with pytest.raises(UserError, match="unknown protocol of a bound 'embed_black'"):
        evaluate(["--from", "out", "--fail_above", "embed_black.top1_change=1"])
    with pytest.raises(UserError, match="--strict says how bounds are judged"):
        evaluate(["--from", "out", "--strict"])


def test_the_command_leaves_with_the_code(folder, monkeypatch):
    from lit_invariance.cli.entry import evaluate_command

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["evaluate.py", "--from", "out", "--fail_above", "crop.accuracy=-1"])
    with pytest.raises(SystemExit) as leave:
        evaluate_command()
    assert leave.value.code == 1
