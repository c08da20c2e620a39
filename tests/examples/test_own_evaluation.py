"""The examples of `evaluate` and the snippet of its page run as they are written."""

import json
import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = {"results.json", "results.csv", "outcomes.npz", "report.html", "pictures"}


def run(path):
    runpy.run_path(str(path), run_name="__main__")


def results(folder):
    assert {path.name for path in folder.iterdir()} >= FILES
    return json.loads((folder / "results.json").read_text())


def test_own_network(in_folder, capsys):
    run(ROOT / "examples" / "own_network.py")
    found = results(in_folder / "results" / "own_network")
    assert [(entry["name"], entry["backbone"]) for entry in found["models"]] == [
        ("plain", "Network"),
        ("steady", "Network"),
    ]
    assert found["images"] == 40
    assert {row["protocol"] for row in found["rows"]} == {"crop", "embed_black"}
    printed = capsys.readouterr().out
    assert "features.2" in printed
    assert "difference from plain" in printed


def test_own_data_set(in_folder, capsys):
    run(ROOT / "examples" / "own_data_set.py")
    found = results(in_folder / "results" / "own_data_set")
    assert (found["images"], found["class_names"], found["data"]["dataset"]) == (24, ["dark", "light"], "Listed")
    assert "plain (reference" in capsys.readouterr().out


def test_the_snippet_of_the_documentation(in_folder, capsys):
    (snippet,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert len(snippet.splitlines()) <= 27
    Path("stranger.py").write_text(snippet)
    run("stranger.py")
    assert results(in_folder / "results" / "mine")["reference"] == "first"
    assert "first (reference" in capsys.readouterr().out
