import json
from pathlib import Path

import pytest

from lit_invariance.errors import UserError
from lit_invariance.experiments.bias_grid import run_causal
from lit_invariance.training.checkpoint import read_checkpoint

TINY = ["--train_images", "64", "--val_images", "20", "--epochs", "1", "--output", "out"]


def test_grid_is_measured_inside_and_outside_and_resumed(in_folder, capsys):
    first = run_causal(["--biases", "0.9", "--mitigations", "plain", *TINY])
    (cell,) = first["cells"]
    places = [(entry["where"], entry["score"]) for entry in cell["measured"]]
    assert places == [(where, score) for where in ("inside", "outside") for score in ("accuracy", "top1_change")]
    options = read_checkpoint("checkpoints/causal/bias0.9_plain_seed0/last.ckpt")["datamodule_hyper_parameters"]
    assert options["shapes"] == {"bias": 0.9, "train_images": 64, "val_images": 20}
    file = Path("out/cells/bias0.9_plain_seed0.json")
    before = file.stat().st_mtime_ns
    second = run_causal(["--biases", "0.9", "0", "--mitigations", "plain", *TINY])
    assert file.stat().st_mtime_ns == before
    assert second["cells"][0] == cell
    unbiased = second["cells"][1]["measured"]
    assert [entry["mean"] for entry in unbiased[:2]] == [entry["mean"] for entry in unbiased[2:]]
    assert json.loads(Path("out/causal.json").read_text()) == second
    assert {path.name for path in Path("out").iterdir()} == {"cells", "causal.json", "causal.png", "causal.svg"}
    assert "inside accuracy" in capsys.readouterr().out
    with pytest.raises(UserError, match="was measured with other settings; choose another --output"):
        run_causal(["--biases", "0.9", "--mitigations", "plain", *TINY, "--epochs", "2"])


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--biases", "1.5", "--biases 1.5 is out of range"),
        ("--mitigations", "blurpol", "unknown mitigation of the experiment 'blurpol'; did you mean blurpool"),
        ("--epochs", "0", "it must be at least 1"),
    ],
)
def test_refused_before_anything_is_trained(in_folder, option, value, message):
    with pytest.raises(UserError, match=message):
        run_causal([*TINY, option, value])
    assert not list(in_folder.iterdir())


def test_broken_cell_is_named(in_folder):
    Path("out/cells").mkdir(parents=True)
    Path("out/cells/bias0.9_plain_seed0.json").write_text("{")
    with pytest.raises(UserError, match=r"bias0.9_plain_seed0.json cannot be read .* delete it"):
        run_causal(["--biases", "0.9", "--mitigations", "plain", *TINY])
