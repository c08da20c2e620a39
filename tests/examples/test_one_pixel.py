import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "one_pixel.ipynb"


@pytest.mark.filterwarnings("ignore")  # what Lightning advises about small data is as a reader would see it
def test_the_notebook_runs_from_top_to_bottom(in_folder, capsys):
    """Its cells are plain Python, so that they run without a kernel."""
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    names = {"__name__": "__main__"}
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    for number, source in enumerate(code):
        exec(compile(source, f"cell {number}", "exec"), names)
    printed = capsys.readouterr().out
    plt.close("all")
    for protocol in ("centre_crop", "crop(area=[0.79, 0.79])", "circular"):
        assert f"{protocol}: " in printed
    assert "plain (reference" in printed  # marked as well where two epochs have taught it nothing
    assert names["results"].content["images"] == 60
    assert all(not cell.get("outputs") for cell in cells)
