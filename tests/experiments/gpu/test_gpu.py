import pytest
import torch

from lit_invariance.errors import UserError
from lit_invariance.experiments.benchmark.answer import Answer, Target
from lit_invariance.experiments.gpu import __main__ as gpu
from lit_invariance.experiments.gpu.checks import CHECKS
from lit_invariance.experiments.gpu.exactness import _difference


@pytest.fixture
def without_inductor(monkeypatch):
    """Its compiler takes half a minute for a network; what is compiled is traced all the same."""
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda what: compile_(what, backend="eager"))


@pytest.mark.parametrize("name", list(CHECKS))
def test_a_dry_run_goes_through_each_check(name, in_folder, without_inductor):
    assert gpu.check_gpu(["--checks", name, "--dry", "true", "--output", "out/gpu.md"]) == 0
    text = (in_folder / "out" / "gpu.md").read_text()
    assert text.startswith("# One GPU\n\nAll checks ran.")
    assert f"## {CHECKS[name][0]}\n\n| " in text


def test_what_fails_is_told_and_stops_nothing(in_folder, monkeypatch):
    def fail(setting):
        raise RuntimeError("no such\nkernel")

    def miss(setting):
        return Answer(("a",), [["1"]], [Target("fast", 2, 1.9)])

    monkeypatch.setattr(gpu, "CHECKS", {"one": ("One", fail), "two": ("Two", miss)})
    assert gpu.check_gpu(["--checks", "one", "two", "--dry", "true", "--output", "gpu.md"]) == 1
    text = (in_folder / "gpu.md").read_text()
    assert "**1 checks failed.**" in text
    assert "## One\n\n**Failed**: RuntimeError: no such kernel" in text
    assert "**Missed**: fast: 1.9, wanted 2." in text


def test_late_checks_do_not_begin(in_folder, monkeypatch):
    monkeypatch.setattr(gpu, "SECONDS", -1.0)
    assert gpu.check_gpu(["--checks", "tests", "--dry", "true", "--output", "gpu.md"]) == 1
    assert "not begun" in (in_folder / "gpu.md").read_text()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_only_a_dry_run():
    with pytest.raises(UserError, match="no CUDA GPU here.*--dry true"):
        gpu.check_gpu([])


def test_differences_are_relative_to_the_largest_value():
    assert _difference(torch.tensor([4.0, -8.0]), torch.tensor([4.0, -8.4])) == pytest.approx(0.05)
