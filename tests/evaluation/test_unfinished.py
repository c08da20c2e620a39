from pathlib import Path

import numpy as np
import pytest

from lit_invariance.api.results import Saved
from lit_invariance.cli.entry import evaluate_command
from lit_invariance.cli.evaluate import evaluate
from lit_invariance.errors import UserError
from lit_invariance.evaluation.measurement import Measurement
from lit_invariance.evaluation.unfinished import Unfinished
from lit_invariance.results.outcomes import load_outcomes
from tests.cli.test_evaluate import NEW, QUICK, SHAPES
from tests.forks import forked
from tests.results.test_outcomes import equal_answers, part

CHOSEN = [*NEW, *SHAPES, *QUICK, "--cost", "false", "--protocols", "crop", "embed_black", "--data.batch_size", "4"]


@pytest.fixture(autouse=True)
def without_drawings(monkeypatch):
    monkeypatch.setattr("lit_invariance.api.results.Results.draw", lambda *_: Saved([], [], Path()))


@pytest.fixture
def interrupted(in_folder, monkeypatch):
    """An evaluation that is killed after so many batches of 4 of its 23 images."""

    def start(batches):
        measure, done = Measurement.predict_step, []

        def step(self, batch, number):
            if len(done) == batches:
                raise KeyboardInterrupt
            done.append(number)
            return measure(self, batch, number)

        with monkeypatch.context() as patch:
            patch.setattr(Measurement, "predict_step", step)
            with pytest.raises((KeyboardInterrupt, SystemExit)):
                evaluate([*CHOSEN, "--output", "parts"])

    return start


@pytest.fixture
def decoded(monkeypatch):
    """Positions of the images that reach the models."""
    seen, measure = [], Measurement.predict_step

    def step(self, batch, number):
        seen.extend(batch.indices.tolist())
        return measure(self, batch, number)

    monkeypatch.setattr(Measurement, "predict_step", step)
    return seen


def same(one, two):
    first, second = (load_outcomes(Path(folder, "outcomes.npz")) for folder in (one, two))
    assert first.indices.tolist() == second.indices.tolist() == list(range(23))
    assert list(first.columns) == list(second.columns)
    np.testing.assert_array_equal(first.matrix(), second.matrix())
    equal_answers(first, second)


def test_goes_on_where_it_stopped(in_folder, interrupted, decoded, capsys):
    interrupted(3)
    assert not (in_folder / "parts" / "results.json").exists()
    decoded.clear()
    evaluate([*CHOSEN, "--output", "parts"])
    assert decoded == list(range(12, 23))
    assert "resuming where parts/unfinished stopped: 12 of 23 images are done" in capsys.readouterr().out
    assert not (in_folder / "parts" / "unfinished").exists()
    evaluate([*CHOSEN, "--output", "whole"])
    same("parts", "whole")


def test_everything_was_measured_but_nothing_written(in_folder, monkeypatch, decoded):
    with monkeypatch.context() as patch:
        patch.setattr("lit_invariance.api.stages.compile_results", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluate([*CHOSEN, "--output", "parts"])
    assert len(decoded) == 23
    evaluate([*CHOSEN, "--output", "parts"])
    assert len(decoded) == 23
    evaluate([*CHOSEN, "--output", "whole"])
    same("parts", "whole")


def test_another_evaluation_begins_with_the_first_image(in_folder, interrupted, decoded, capsys):
    interrupted(2)
    decoded.clear()
    evaluate([*CHOSEN, "--output", "parts", "--seed", "3"])
    assert decoded == list(range(23))
    printed = capsys.readouterr().out
    assert "parts/unfinished is of other models, protocols, data or settings; it stays until the results of" in printed
    assert not (in_folder / "parts" / "unfinished").exists()


def test_a_mistyped_command_costs_nothing_of_the_earlier_one(in_folder, interrupted, decoded, monkeypatch):
    interrupted(3)
    with monkeypatch.context() as patch:
        patch.setattr("lit_invariance.evaluation.images.run", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluate([*CHOSEN, "--output", "parts", "--seed", "3"])
    decoded.clear()
    evaluate([*CHOSEN, "--output", "parts"])
    assert decoded == list(range(12, 23))


def test_what_a_user_keeps_in_unfinished_stays(in_folder, interrupted):
    interrupted(2)
    mine = [in_folder / "parts" / "unfinished" / name for name in ("thesis.txt", "mine.npz", "drafts/a.npz")]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    evaluate([*CHOSEN, "--output", "parts"])
    assert sorted((in_folder / "parts" / "unfinished").rglob("*.*")) == sorted(mine)


def test_two_processes_go_on_where_one_stopped(in_folder, interrupted):
    interrupted(3)
    command = ["evaluate.py", *CHOSEN, "--output", "parts", "--devices", "2"]
    codes, printed, errors = forked(evaluate_command, command, ranks=2)
    assert codes == [0, 0], errors
    assert printed.count("12 of 23 images are done") == 1
    evaluate([*CHOSEN, "--output", "whole"])
    first, second = (load_outcomes(Path(folder, "outcomes.npz")) for folder in ("parts", "whole"))
    assert first.indices.tolist() == list(range(23))
    np.testing.assert_allclose(first.matrix(), second.matrix(), atol=1e-6)


def test_parts_of_several_writers(tmp_path):
    ours = Unfinished.open(tmp_path, "abc", 6)
    ours.add(part([0, 2]))
    Unfinished(tmp_path, "abc").add(part([1, 3]))
    assert [found.indices.tolist() for found in ours.read()] == [[0, 2], [1, 3]]
    assert Unfinished.open(tmp_path, "other", 6).read() == []
    ours.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_before_the_first_batch_leaves_nothing_to_go_on_from(in_folder):
    (in_folder / "pictures" / "cat").mkdir(parents=True)
    (in_folder / "pictures" / "cat" / "a.jpg").write_text("no picture")
    with pytest.raises(UserError, match="cannot read the image"):
        evaluate([*NEW, "--data.root", "pictures", "--data.image_size", "16", *QUICK])
    assert not (in_folder / "results").exists()


@pytest.mark.parametrize("link", ["unfinished", "unfinished/abc"])
def test_nothing_is_deleted_through_a_link(link, tmp_path):
    other, output = tmp_path / "other", tmp_path / "out"
    (other / "abc").mkdir(parents=True)
    output.mkdir()
    mine = other / "mine.npz" if link.endswith("abc") else other / "abc" / "mine.npz"
    mine.write_text("mine")
    (output / link).parent.mkdir(exist_ok=True)
    (output / link).symlink_to(other)
    (output / ".lit_invariance.json").write_text('["unfinished/abc"]')  # a stranger's list
    Unfinished(output, "abc").remove()
    assert mine.read_text() == "mine"
