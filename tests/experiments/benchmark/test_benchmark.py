import pytest

from lit_invariance.errors import UserError
from lit_invariance.experiments.benchmark import turns
from lit_invariance.experiments.benchmark.__main__ import benchmark
from lit_invariance.experiments.benchmark.answer import Answer, Target
from lit_invariance.experiments.benchmark.page import page
from lit_invariance.experiments.benchmark.questions import QUESTIONS


@pytest.mark.parametrize("name", list(QUESTIONS))
def test_each_question_is_answered_in_the_small(name, in_folder, capsys):
    pytest.importorskip("antialiased_cnns")
    benchmark(["--questions", name, "--small", "true", "--rounds", "1", "--output", "page.md"])
    title = QUESTIONS[name].title
    assert title in capsys.readouterr().out
    text = (in_folder / "page.md").read_text()
    assert f"\n## {title}\n\n| " in text
    assert f"--questions {name} --small true" in text


def test_an_unknown_question_is_refused():
    with pytest.raises(UserError, match="unknown question 'blurr'.* blur"):
        benchmark(["--questions", "blurr"])


def test_targets_are_judged_on_their_own_side():
    answer = Answer(("a",), [("1",)], [Target("fast", 2, 1.9), Target("slow", 1.2, 1.19, at_most=True)])
    text = page({"Speed": answer}, "command", 3.2)
    assert "| fast | at least 2 | 1.90 | **missed** |" in text
    assert "| slow | at most 1.2 | 1.19 | met |" in text


def test_steps_take_turns_and_the_first_round_does_not_count(monkeypatch):
    order, clock = [], iter([100, 100, 1, 5, 6, 2, 3, 4])  # a b | b a | a b | b a
    monkeypatch.setattr(turns, "seconds", lambda step: step() or next(clock))
    found = turns.medians({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == list("abbaabba")
    assert found == {"a": 5, "b": 2}
