import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lit_invariance.cli.entry import evaluate_command
from lit_invariance.cli.evaluate import evaluate
from lit_invariance.errors import UserError
from lit_invariance.metrics import SCORES, SET_SCORES
from lit_invariance.results.outcomes import load_outcomes
from lit_invariance.results.reading import read_results
from tests.forks import forked

NEW = ["--models", "small=tiny_resnet@none", "deep=cifar_resnet20@none"]
SHAPES = ["--data.dataset", "shapes", "--data.image_size", "16", "--data.shapes", "{val_images: 23}"]
QUICK = ["--accelerator", "cpu", "--progress", "false"]


@pytest.fixture(scope="module")
def compared(write_run, tmp_path_factory):
    """The result of `evaluate.py` without arguments but for the device, after three trainings."""
    folder = tmp_path_factory.mktemp("trained")
    write_run(folder, "plain")
    write_run(folder, "aa", mitigations=["blurpool"])
    write_run(folder, "aug", translation={"kind": "pad"})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        evaluate(["--accelerator", "cpu"])
    return folder / "results"


def rows_of(folder):
    return json.loads((Path(folder) / "results.json").read_text())["rows"]


class TestAfterTraining:
    def test_files(self, compared):
        names = {path.name for path in compared.iterdir()}
        labels = ("centre_crop", "crop", "embed_black", "embed_inpaint", "scale_black")
        stems = {"accuracy_against_top1_change", *(f"scores_{label}" for label in labels)}
        plots = {f"{stem}{suffix}" for stem in stems for suffix in (".png", ".svg")}
        assert names == plots | {
            "results.json",
            "results.csv",
            "outcomes.npz",
            "report.html",
            "pictures",
            ".lit_invariance.json",
        }
        for name in plots:
            assert (compared / name).stat().st_size > 2000

    def test_json(self, compared):
        results = read_results(compared / "results.json")
        assert results["reference"] == "plain"
        assert [model["name"] for model in results["models"]] == ["plain", "aa", "aug"]
        assert results["models"][1]["mitigations"] == ["blurpool"]
        assert results["models"][2]["translation"] == {"kind": "pad"}
        assert (results["images"], results["data"]["dataset"], results["data"]["classes"]) == (23, "shapes", 10)
        assert (results["precision"], results["device"], results["seed"]) == ("32-true", "cpu", 0)
        assert results["command"] == ["--accelerator", "cpu"]
        assert len(results["class_names"]) == 10
        assert len(results["data"]["fingerprint"]) == 16
        assert results["models"][0]["cost"]["macs"] > 10_000
        with_neighbours = {entry["label"] for entry in results["protocols"] if len(entry["steps"]) > 1}
        assert {entry["protocol"] for entry in results["pictures"]} <= with_neighbours
        assert all((compared / entry["file"]).is_file() for entry in results["pictures"])
        assert results["versions"]["torch"] == torch.__version__.partition("+")[0]
        crop = results["protocols"][1]
        headline = ["accuracy", "top1_change", "mean_absolute_change", "top1_change_given_correct"]
        assert crop == {
            "label": "crop",
            "name": "crop",
            "options": {},
            "unit": "px",
            "steps": [0.0, 1.0],
            "headline": headline,
        }
        # Of one view only the scores without neighbours, for each of three models.
        alone = [name for name, score in SCORES.items() if score.views == 1]
        assert len(results["rows"]) == 3 * (len(alone) + 4 * (len(SCORES) + 1))  # and error_consistency

    def test_rows_are_the_means_of_the_outcomes(self, compared):
        outcomes = load_outcomes(compared / "outcomes.npz")
        assert outcomes.indices.tolist() == list(range(23))
        for row in rows_of(compared):
            if row["score"] in SET_SCORES:
                continue
            values = outcomes.columns[row["model"], row["protocol"], row["score"]]
            if np.isnan(values).all():
                assert row["mean"] is row["low"] is row["high"] is None
                continue
            assert row["mean"] == pytest.approx(np.nanmean(values))
            assert row["low"] <= row["mean"] <= row["high"]
            if row["model"] != "plain":
                reference = outcomes.columns["plain", row["protocol"], row["score"]]
                difference = None if np.isnan(reference).all() else np.nanmean(values) - np.nanmean(reference)
                assert row["difference"] == pytest.approx(difference, abs=1e-12)

    def test_csv_says_the_same(self, compared):
        with (compared / "results.csv").open(newline="") as file:
            table = list(csv.DictReader(file))
        for written, row in zip(table, rows_of(compared), strict=True):
            assert written.keys() == row.keys()
            for key, value in row.items():
                assert written[key] == ("" if value is None else str(value))

    def test_screen(self, save_run, capsys):
        save_run("plain")
        save_run("aa", mitigations=["blurpool"])
        evaluate(["--accelerator", "cpu", "--output", "out", "--protocols", "crop"])
        printed, progress = capsys.readouterr()
        assert "plain (reference, at chance)" in printed  # nothing was trained
        assert "difference from plain" in printed
        assert (
            printed.rstrip().splitlines()[-3].startswith("results: out/results.json, out/results.csv, out/outcomes.npz")
        )
        assert printed.rstrip().splitlines()[-2] == "plots:   2 in out, each as .png and .svg"
        assert printed.rstrip().splitlines()[-1] == "report:  out/report.html"
        assert "cost of one view (cpu, " in printed
        assert "Predicting" in printed + progress
        evaluate([*QUICK, "--output", "out", "--protocols", "crop"])
        assert "Predicting" not in "".join(capsys.readouterr())


def run_script(folder, arguments):
    """Run the command as a process of its own, since Lightning starts the further ones with the same command line."""
    script = folder / "evaluate.py"
    script.write_text("from lit_invariance.cli.entry import evaluate_command\nevaluate_command()\n")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_loading_does_not_change_the_numbers(in_folder):
    chosen = [*NEW, *SHAPES, *QUICK, "--cost", "false", "--protocols", "crop", "scale_black"]
    evaluate([*chosen, "--output", "once"])
    for loading in (["--data.batch_size", "5"], ["--data.num_workers", "1", "--data.batch_size", "9"]):
        evaluate([*chosen, "--output", "again", *loading])
        for row, again in zip(rows_of("once"), rows_of("again"), strict=True):
            assert row == pytest.approx(again, abs=1e-6)


def test_mitigations_added_on_the_command_line(in_folder, capsys):
    average = "avg=tiny_resnet@none+{shift_average: {shifts: 2}}"
    models = ["--models", "plain=tiny_resnet@none", average, "blurred=tiny_resnet@none+blurpool"]
    evaluate([*models, *SHAPES, *QUICK, "--protocols", "crop", "--output", "out"])
    entries = read_results(Path("out/results.json"))["models"]
    assert [entry["passes"] for entry in entries] == [1, 4, 1]
    assert [entry["mitigations"] for entry in entries] == [[], [{"shift_average": {"shifts": 2}}], ["blurpool"]]
    assert entries[1]["source"] == average.removeprefix("avg=")
    assert "forward passes for one view: avg takes 4" in capsys.readouterr().out


def test_seed_changes_the_views(in_folder):
    trained = ["--models", "a=tiny_resnet@none", *SHAPES, *QUICK, "--protocols", "crop"]
    for seed in ("1", "2"):
        evaluate([*trained, "--output", seed, "--seed", seed])
    one, two = (load_outcomes(Path(seed, "outcomes.npz")).matrix() for seed in ("1", "2"))
    assert not np.array_equal(one, two)


def test_two_processes_give_the_numbers_of_one(in_folder):
    """Two processes on the CPU (gloo), 23 images shared out 12 to 11."""
    arguments = [*NEW, *SHAPES, *QUICK, "--protocols", "crop"]
    done = run_script(in_folder, [*arguments, "--output", "two", "--devices", "2"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("results: two/results.json") == 1
    evaluate([*arguments, "--output", "one"])
    assert load_outcomes(Path("two/outcomes.npz")).indices.tolist() == list(range(23))
    for row, other in zip(rows_of("one"), rows_of("two"), strict=True):
        assert row == pytest.approx(other, abs=1e-6)


def test_reference_protocols_and_subset(in_folder):
    chosen = ["--reference", "deep", "--max_images", "7", "--protocols", "centre_crop", "{embed_black: {min_side: 5}}"]
    evaluate([*NEW, *SHAPES, *QUICK, *chosen])
    results = read_results(Path("results/results.json"))
    assert results["reference"] == "deep"
    assert results["images"] == results["data"]["max_images"] == 7
    assert [entry["label"] for entry in results["protocols"]] == ["centre_crop", "embed_black(min_side=5)"]
    assert results["protocols"][1]["options"] == {"min_side": 5}
    assert {row["model"] for row in results["rows"] if row["difference"] is not None} == {"small"}
    assert Path("results/scores_embed_black_min_side_5.png").is_file()


class TestFromEarlierResults:
    def test_redraws_without_models_or_data(self, compared, tmp_path, capsys, monkeypatch):
        folder = tmp_path / "copy"
        shutil.copytree(compared, folder)
        drawn = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        for path in folder.iterdir():
            if path.suffix in (".png", ".svg", ".html"):
                path.unlink()
        monkeypatch.chdir(tmp_path)
        evaluate(["--from", "copy"])
        assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == drawn
        printed = capsys.readouterr().out
        assert "difference from plain" in printed
        assert "report:  copy/report.html" in printed

    @pytest.mark.parametrize("missing", ["results.json", "outcomes.npz"])
    def test_missing_or_broken(self, compared, tmp_path, missing):
        for name in ("results.json", "outcomes.npz"):
            shutil.copy(compared / name, tmp_path)
        (tmp_path / missing).write_text("cut")
        with pytest.raises(UserError, match=f"{missing} cannot be read"):
            evaluate(["--from", str(tmp_path)])


def test_two_runs_of_one_config_are_a_group(save_run, in_folder):
    for seed, name in enumerate(("aa_s0", "aa_s1")):
        save_run(name)
        Path(f"checkpoints/{name}/config.yaml").write_text(f"seed_everything: {seed}\nname: {name}\nmodel: {{}}\n")
    evaluate([*QUICK, "--protocols", "crop", "--cost", "false"])
    results = read_results(Path("results/results.json"))
    assert results["groups"] == [{"name": "aa", "members": ["aa_s0", "aa_s1"], "seeds": [0, 1]}]
    first, second = (next(row for row in results["rows"] if row["model"] == name) for name in ("aa_s0", "aa_s1"))
    assert results["group_rows"][0]["mean"] == pytest.approx((first["mean"] + second["mean"]) / 2)
    assert results["group_rows"][0]["seed_deviation"] == pytest.approx(abs(first["mean"] - second["mean"]) / 2**0.5)
    assert [model["cost"] for model in results["models"]] == [None, None]


def test_precision_is_noted(in_folder):
    evaluate([*NEW, *SHAPES, *QUICK, "--protocols", "crop", "--precision", "bf16-mixed"])
    assert read_results(Path("results/results.json"))["precision"] == "bf16-mixed"


def test_whole_folder_of_images(in_folder):
    for place, name in enumerate(("cat", "dog")):
        Path("pictures", name).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (20 + number, 18), (80 * number, 90 * place, 50)).save(f"pictures/{name}/{number}.png")
    evaluate(
        [
            "--models",
            "a=tiny_resnet@none",
            "--data.root",
            "pictures",
            "--data.image_size",
            "16",
            *QUICK,
            "--protocols",
            "crop",
        ]
    )
    assert read_results(Path("results/results.json"))["images"] == 6


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda file: Image.new("RGB", (1, 1)).save(file), "protocol crop cannot show image 3 (pictures/cat/3.png)"),
        (lambda file: file.write_bytes(file.read_bytes()[:40]), "cannot read the image pictures/cat/3.png"),
    ],
)
def test_a_mistake_is_told_once_by_two_processes(spoil, told, in_folder):
    Path("pictures/cat").mkdir(parents=True)
    for number in range(4):
        Image.new("RGB", (20, 20)).save(f"pictures/cat/{number}.png")
    spoil(Path("pictures/cat/3.png"))  # the second process's
    arguments = ["--models", "a=tiny_resnet@none", "--data.root", "pictures", *QUICK, "--devices", "2"]
    codes, _, printed = forked(evaluate_command, ["evaluate.py", *arguments], ranks=2)
    assert codes == [2, 2]
    assert printed.count(told) == 1
    assert "Traceback" not in printed
    # The other process has measured its images, from which a second run goes on.
    assert sorted(path.name for path in Path("results").iterdir()) == [".lit_invariance.json", "unfinished"]


class TestBadInput:
    """Each is told before anything is computed, and leaves no file behind."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--models", "a=tiny_resne@none"], "unknown backbone"),
            (["--reference", "tiny"], "unknown reference model"),
            (["--protocols", "crops"], "unknown protocol or group 'crops'; did you mean crop"),
            (["--protocols", "{crop: {area: 3}}"], "protocol crop: "),
            (["--protocols", "{embed_black: {min_side: 16}}"], "min_side is at least 1 and less than"),
            (["--data.dataset", "shape"], "unknown data set 'shape'; did you mean shapes"),
            (["--data.root", "nowhere", "--data.dataset", "image_folder"], "there is no data folder nowhere"),
            (["--accelerator", "abacus"], "--accelerator abacus --devices auto are not available here"),
            (["--devices", "0"], "--devices 0 are not available here"),
        ],
    )
    def test_refused(self, in_folder, arguments, message):
        with pytest.raises(UserError, match=message) as refused:
            evaluate([*NEW, *SHAPES, *QUICK, *arguments])
        assert "\n" not in str(refused.value)
        assert not Path("results").exists()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--seed", "x"], "option --seed: Expected a int"),
            (["--sed", "3"], "unrecognized arguments: --sed 3; did you mean --seed"),
            (["--precision", "8"], "option --precision: Expected a Literal"),
            (["--protocols"], "expected at least one argument"),
        ],
    )
    def test_arguments(self, in_folder, capsys, arguments, message):
        with pytest.raises(SystemExit) as left:
            evaluate([*NEW, *arguments])
        assert left.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert message in error
        assert error.count("\n") == 1

    def test_output_that_cannot_be_written(self, in_folder):
        Path("taken").write_text("a file")
        with pytest.raises(UserError, match="the output folder taken/x cannot be written"):
            evaluate([*NEW, *SHAPES, *QUICK, "--output", "taken/x"])

    def test_broken_image(self, in_folder):
        Path("pictures/cat").mkdir(parents=True)
        Path("pictures/cat/a.jpg").write_text("no picture")
        with pytest.raises(UserError, match=r"cannot read the image pictures/cat/a\.jpg"):
            evaluate([*NEW, "--data.root", "pictures", "--data.image_size", "16", *QUICK])
