"""The same pictures give the same numbers, whatever they are stored in."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import webdataset
from PIL import Image
from torch import nn

import lit_invariance as li
from tests.forks import forked_script

QUICK = {"image_size": 16, "progress": False, "cost": False, "accelerator": "cpu"}
SHARDS = [7, 1, 4]
TWO_PROCESSES = """
import json, sys
import torch
from pytorch_lightning import LightningModule, Trainer
from lit_invariance.data.datamodule import InvarianceData

class Seen(LightningModule):
    num_classes = 2
    def __init__(self):
        super().__init__()
        self.weight, self.validated, self.trained = torch.nn.Parameter(torch.zeros(())), [], []
    def training_step(self, batch):
        self.trained += batch["image"].float().mean((1, 2, 3)).tolist()
        return self.weight * batch["image"].float().mean()
    def validation_step(self, batch):
        self.validated += list(zip(batch.indices.tolist(), batch.labels.tolist()))
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

if __name__ == "__main__":
    options = {"image_size": 16, "batch_size": 2, "num_workers": 2}
    data = InvarianceData("webdataset", root=sys.argv[1], val_root=sys.argv[1], **options)
    seen = Seen()
    trainer = Trainer(accelerator="cpu", devices=2, strategy="ddp", max_epochs=1, logger=False, num_sanity_val_steps=0,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False)
    trainer.fit(seen, data)
    with open(f"seen{trainer.global_rank}.json", "w") as file:
        json.dump({"validated": seen.validated, "trained": len(seen.trained)}, file)
"""


@pytest.fixture
def stored(tmp_path: Path) -> dict[str, str]:
    """Kind of data set to its root: twelve pictures of two classes in folders, a table, a flat folder and shards."""
    pixels, pictures = np.random.default_rng(0), []
    (tmp_path / "flat").mkdir()
    (tmp_path / "shards").mkdir()
    for number in range(12):
        label, path = "ab"[number // 6], tmp_path / "flat" / f"{number:02d}.png"
        Image.fromarray(pixels.integers(0, 256, (30, 30 + number, 3), dtype=np.uint8)).save(path)
        (tmp_path / "folders" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "folders" / label / path.name).write_bytes(path.read_bytes())
        pictures.append((path, label))
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), *((f"flat/{path.name}", label) for path, label in pictures)])
    coming = iter(pictures)
    for number, size in enumerate(SHARDS):
        with webdataset.TarWriter(str(tmp_path / "shards" / f"{number}.tar")) as shard:
            for path, label in (next(coming) for _ in range(size)):
                shard.write({"__key__": path.stem, "png": path.read_bytes(), "cls": label})
    roots = {"image_folder": "folders", "csv": "table.csv", "unlabelled": "flat", "webdataset": "shards"}
    return {kind: str(tmp_path / place) for kind, place in roots.items()}


def test_outcomes_are_equal_to_the_last_digit(stored):
    torch.manual_seed(0)
    network, found = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2)), {}
    for kind, root in stored.items():
        data = li.InvarianceData(kind, root=root, val_fraction=1.0, image_size=16, num_workers=0, max_images=9)
        found[kind] = li.evaluate({"net": network}, data, ["crop", "embed_black", "diagonal"], **QUICK)
    folder = found.pop("image_folder")
    for kind, results in found.items():
        columns = results.outcomes.columns
        assert len(columns) > 8
        assert results.outcomes.indices.tolist() == folder.outcomes.indices.tolist()
        if kind != "unlabelled":
            assert columns.keys() == folder.outcomes.columns.keys()
            assert results.outcomes.labels.tolist() == folder.outcomes.labels.tolist()
            assert results.content["rows"] == folder.content["rows"]
        for column, values in columns.items():
            np.testing.assert_array_equal(values, folder.outcomes.columns[column])


def test_uneven_shards_over_two_processes_and_two_workers(stored, tmp_path, monkeypatch):
    """Real processes that talk by gloo, each with two workers: every sample is validated on once, and none is lost."""
    (tmp_path / "two.py").write_text(TWO_PROCESSES)
    monkeypatch.chdir(tmp_path)
    codes, _, printed = forked_script(["two.py", stored["webdataset"]], ranks=2)
    assert codes == [0, 0], printed
    seen = [json.loads((tmp_path / f"seen{rank}.json").read_text()) for rank in (0, 1)]
    together = sorted(pair for process in seen for pair in process["validated"])
    assert together == [[number, number // 6] for number in range(12)]
    assert [len(process["validated"]) for process in seen] == [6, 6]
    assert [process["trained"] for process in seen] == [6, 6]
