import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What Lightning advises about workers, intervals of logging and machines is as a stranger would see it.
pytestmark = pytest.mark.filterwarnings("ignore")
SCORES = ("agreement", "error_consistency", "first_view_accuracy", "mean_absolute_change", "top1_change")


def test_the_example_prints_every_score(in_folder, capsys):
    runpy.run_path(str(ROOT / "examples" / "own_lightning_module.py"), run_name="__main__")
    printed = dict(re.findall(r"^(val/\S+) +(-?[\d.]+|nan)$", capsys.readouterr().out, re.MULTILINE))
    expected = {f"val/{protocol}/{score}" for protocol in ("circular", "embed_black") for score in SCORES}
    assert set(printed) == expected | {"val/acc"}
    # Kappa may be negative, and is nan where all answers are one.
    assert all(0 <= float(value) <= 1 for score, value in printed.items() if not score.endswith("error_consistency"))


def test_the_snippet_of_the_documentation_runs_as_written(in_folder, capsys):
    (snippet,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs" / "watch.md").read_text(), re.DOTALL | re.MULTILINE
    )
    Path("stranger.py").write_text(snippet)
    runpy.run_path("stranger.py", run_name="__main__")
    assert re.search(r"^tensor\(", capsys.readouterr().out, re.MULTILINE)
    assert list(Path().glob("lightning_logs/**/events*"))
