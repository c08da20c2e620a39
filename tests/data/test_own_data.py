import sys

import pytest
import torch

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError

CODE = """
import torch
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset, IterableDataset

class Greys(Dataset):
    classes = ["dark", "light"]
    def __init__(self, count=6, start=0.0):
        self.count, self.start = count, start
    def __len__(self):
        return self.count
    def __getitem__(self, place):
        if place >= self.count:
            raise IndexError
        return torch.full((3, 40, 40), self.start + place / 100), place % 2

class Nameless(Greys):
    classes = None

class Module(LightningDataModule):
    def setup(self, stage):
        assert stage == "fit"
        self.parts = Greys(8), Greys(4, start=0.5)
    def train_dataloader(self):
        return DataLoader(self.parts[0], batch_size=2, shuffle=True)
    def val_dataloader(self):
        return [DataLoader(self.parts[1], batch_size=2)]

class Endless(IterableDataset):
    def __iter__(self):
        yield from ()

def pair(count=4):
    return {"train": Greys(count), "val": Greys(2, start=0.5)}

def only_val():
    return {"val": Greys(2)}

def odd():
    return {"training": Greys(2), "val": Greys(2)}

def broken():
    raise KeyError("absent")

instance = Greys(3)
normalised = [(torch.full((3, 40, 40), -1.0), 0)]
"""


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A function that opens what a name of the code above gives."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "own_pictures", raising=False)
    (tmp_path / "own_pictures.py").write_text(CODE)

    def data(name: str, options=None, **given) -> InvarianceData:
        spec = f"python:{tmp_path}/own_pictures.py:{name}"
        given = {"image_size": 32, "batch_size": 2, "num_workers": 0, "flip": False} | given
        return InvarianceData(spec if options is None else {spec: options}, **given)

    yield data
    sys.modules.pop("own_pictures", None)


def validated(data):
    return [
        (round(float(image[0, 0, 0]), 2), int(label))
        for batch in data.val_dataloader()
        for image, label in zip(batch.images, batch.labels, strict=True)
    ]


@pytest.mark.parametrize(("name", "train"), [("Module", 8), ("pair", 4)])
def test_training_and_validation(made, name, train):
    data = made(name)
    assert data.class_names == ["dark", "light"]
    assert validated(data)[:2] == [(0.5, 0), (0.51, 1)]
    batches = list(data.train_dataloader())
    assert (sum(len(batch["label"]) for batch in batches), batches[0]["image"].dtype) == (train, torch.uint8)
    assert batches[0]["image"].shape == (2, 3, 32, 32)
    # Floats in [0, 1] become bytes: 0, .01, .02, ... are 0, 3, 5, ...
    reds = sorted({int(image[0, 0, 0]) for batch in batches for image in batch["image"]})
    assert reds[:3] == [0, 3, 5]


def test_options_of_the_factory(made):
    assert len(made("pair", {"count": 7}).training_images()) == 7


def test_a_single_data_set_is_divided_at_random(made):
    data = made("Greys", val_fraction=0.34)
    assert (len(data.validation), len(data.training_images()), data.class_names) == (2, 4, ["dark", "light"])
    assert len(made("instance", val_fraction=1.0).validation) == 3


def test_classes_without_names_are_the_model_s(made):
    data = made("Nameless", val_fraction=1.0)
    with pytest.raises(UserError, match="do not say how many classes there are"):
        _ = data.num_classes
    data.check_classes(2)
    assert data.class_names == ["0", "1"]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("Endless", None, "returned a Endless; return a LightningDataModule, or a data set with a length"),
        ("odd", None, "returned a mapping with other keys than train and val; name them so"),
        ("broken", None, "fails in .*, line .*, with KeyError: 'absent'; correct it, or its arguments"),
        ("pair", {"size": 3}, "unknown argument of python:.*:pair 'size'"),
        ("Greys", {"count": 0}, "the Greys of python:.* is empty"),
        ("absent", None, "unknown name in .* 'absent'"),
    ],
)
def test_mistakes_of_the_code(made, name, options, said):
    with pytest.raises(UserError, match=said):
        made(name, options, val_fraction=1.0).validation_images()


def test_other_mistakes(made):
    with pytest.raises(UserError, match="has no pictures to train on; return them as 'train'"):
        made("only_val").training_images()
    with pytest.raises(UserError, match="item 0 of list holds a tensor of values from -1 to -1.*leave out Normalize"):
        made("normalised", val_fraction=1.0).validation_images()[0]
