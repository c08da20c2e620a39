"""Measure networks on a data set of your own, here one that reads a list of files and labels."""

import csv
from pathlib import Path

from PIL import Image
from torch.utils.data import DataLoader, Dataset

import lit_invariance as li

FOLDER = Path("photos")


class Listed(Dataset):
    """The pictures that a table lists, as they are in their files: views are made of them, so nothing is cropped."""

    classes = ("dark", "light")

    def __init__(self, table: Path) -> None:
        with table.open(newline="") as file:
            self.rows = [(table.parent / row["file"], int(row["label"])) for row in csv.DictReader(file)]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        file, label = self.rows[index]
        return Image.open(file), label


FOLDER.mkdir(exist_ok=True)
with (FOLDER / "table.csv").open("w", newline="") as table:
    rows = csv.writer(table)
    rows.writerow(["file", "label"])
    for number in range(24):
        Image.effect_noise((60 + number, 48), 30 + 90 * (number % 2)).save(FOLDER / f"{number}.png")
        rows.writerow([f"{number}.png", number % 2])

models = {"plain": "tiny_resnet@none", "averaged": "tiny_resnet@none+shift_average"}  # as --models takes them
loader = DataLoader(Listed(FOLDER / "table.csv"), batch_size=8)  # the data set itself will do as well
results = li.evaluate(models, loader, [{"crop": {"area": [0.5, 0.8]}}], image_size=32)
print(results.table())
results.save("results/own_data_set")
