import sys

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, SubsetRandomSampler
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import lit_invariance as li
from lit_invariance.api.data import open_data
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.images import to_rgb
from lit_invariance.data.kinds import KINDS, Kind
from lit_invariance.data.rendered_shapes import load_shapes


def opened(data, outputs=3, max_images=None, num_workers=None):
    return open_data(data, outputs, max_images, num_workers, seed=0)


def contents(data):
    images = data.images
    return [images[place] for place in range(len(images))]


class Pairs(Dataset):
    def __init__(self, pairs, transform=None):
        self.pairs, self.transform = pairs, transform

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        picture, label = self.pairs[index]
        return (picture if self.transform is None else self.transform(picture)), label


class Module(pl.LightningDataModule):
    def __init__(self, dataset):
        super().__init__()
        self.dataset = dataset

    def prepare_data(self):
        self.prepared = True

    def setup(self, stage):
        assert (stage, self.prepared) == ("validate", True)
        self.validation = self.dataset

    def val_dataloader(self):
        return DataLoader(self.validation, batch_size=4)


@pytest.mark.parametrize(
    "make",
    [
        list,
        Pairs,
        lambda pairs: Pairs(pairs, to_rgb),
        lambda pairs: Pairs(pairs, v2.ToImage()),
        lambda pairs: Pairs(pairs, v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])),
        lambda pairs: DataLoader(Pairs(pairs), batch_size=4, shuffle=True),
        lambda pairs: Module(Pairs(pairs)),
    ],
)
def test_every_kind_gives_the_pictures_as_they_were_decoded(pictures, make):
    data = opened(make(pictures))
    assert (data.described["classes"], data.class_names) == (3, None)
    for place, (picture, label, position) in enumerate(contents(data)):
        assert (label, position) == (pictures[place][1], place)
        expected = to_rgb(pictures[place][0])
        if picture.is_floating_point():
            expected = expected / 255
        assert type(picture) is torch.Tensor
        torch.testing.assert_close(picture, expected)


def test_a_folder(pictures, write_folder):
    folder = write_folder(pictures)
    for place in (folder, str(folder)):
        data = opened(place)
        assert data.class_names == ["class0", "class1", "class2"]
        assert sorted(label for _, label, _ in contents(data)) == sorted(label for _, label in pictures)
    assert len(opened(folder, max_images=4).images) == 4


def test_names_of_classes_are_taken_from_torchvision_s_sets(pictures, write_folder):
    data = opened(ImageFolder(write_folder(pictures)))
    assert data.class_names == ["class0", "class1", "class2"]
    assert data.described["dataset"] == "ImageFolder"


def test_a_network_of_more_outputs_than_the_data_have_classes_is_refused(small_net, pictures, write_folder, quick):
    """Label 1 of the data would be taken for output 1 of the network, which is another class."""
    data = ImageFolder(write_folder(pictures))
    with pytest.raises(li.UserError, match="model mine has 5 outputs, but the data have 3 classes"):
        li.evaluate({"mine": small_net(classes=5)}, data, ["crop"], **quick)


def test_a_loader_s_choice_of_images_is_kept(pictures):
    data = opened(DataLoader(Pairs(pictures), batch_size=2, num_workers=1, sampler=SubsetRandomSampler([7, 2, 5])))
    assert [position for *_, position in contents(data)] == [2, 5, 7]
    assert (data.batch_size, data.workers) == (2, 1)
    assert len(opened(Subset(Pairs(pictures), [1, 2])).images) == 2


def test_some_images_are_the_same_ones_for_the_same_seed(pictures):
    chosen = [position for *_, position in contents(opened(pictures, max_images=4))]
    assert chosen == sorted(int(index) for index in np.random.default_rng(0).permutation(9)[:4])


class Endless(IterableDataset):
    def __iter__(self):
        yield 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda pictures: Endless(), "Endless has no positions"),
        (lambda pictures: 3, "int is not a data set with a length and positions"),
        (lambda pictures: [], "there are no pictures in list"),
        (lambda pictures: [picture for picture, _ in pictures], "item 0 of list is Image, not a pair"),
        (lambda pictures: [(pictures[0][0], 3)], "item 0 of list has the label 3, but the classes are 0 to 2"),
        (lambda pictures: [(pictures[0][0], -1)], "item 0 of list has the label -1"),
        (lambda pictures: [(pictures[0][0], "cat")], "item 0 of list has the label str"),
        (lambda pictures: [(np.zeros((3, 4, 4)), 0)], "item 0 of list holds ndarray"),
        (lambda pictures: [(torch.zeros(2, 4, 4), 0)], r"holds a tensor of shape \(2, 4, 4\)"),
        (lambda pictures: [(torch.full((3, 4, 4), -0.5), 0)], "values from -0.5 to -0.5.*leave out Normalize"),
        (lambda pictures: [(torch.full((3, 4, 4), 255.0), 0)], "values from 255 to 255"),
        (lambda pictures: [(torch.full((3, 4, 4), 200), 0)], "values from 200 to 200"),
    ],
)
def test_refused(pictures, make, message):
    with pytest.raises(li.UserError, match=message):
        contents(opened(make(pictures)))


def test_normalised_pictures_are_an_error_of_an_evaluation(small_net, pictures, quick):
    """Not a wrong number, also where a worker finds it."""
    normalise = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.5,) * 3, (0.5,) * 3)])
    data = Module(Pairs(pictures, normalise))
    with pytest.raises(li.UserError, match="^item 0 of Pairs holds a tensor of values from -1 to 1, not"):
        li.evaluate({"mine": small_net()}, data, ["crop"], **quick)
    loader = DataLoader(Pairs(pictures, normalise), num_workers=1)
    with pytest.raises(li.UserError, match="^item . of Pairs holds a tensor of values from -1 to 1, not"):
        li.evaluate({"mine": small_net()}, loader, ["crop"], **quick)


def test_grey_pictures_and_palettes_are_decoded_as_files_are(small_net, quick):
    grey = [(Image.new("L", (30, 30), 90), 0), (Image.new("P", (30, 30), 3), 1)]
    assert li.evaluate({"mine": small_net()}, grey, ["crop"], **quick).content["images"] == 2


def test_a_data_set_is_fetched_where_that_was_asked_for(tmp_path, monkeypatch):
    """What is fetched lies there when the set is opened, which never fetches."""
    place = tmp_path / "fetched"

    def opens(root, download):
        if download:
            place.touch()
        assert place.exists()
        return load_shapes(32, train_images=4, val_images=6)

    monkeypatch.setitem(KINDS, "CIFAR10", Kind(opens, ("root", "download")))
    data = InvarianceData("CIFAR10", root=str(tmp_path), image_size=32, download=True)
    assert len(opened(data, outputs=None).images) == 6


def test_a_text_may_name_a_folder_a_table_shards_or_data_by_their_prefix(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate(("cat", "dog", "emu", "cat")):
        (tmp_path / "pictures" / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40), (40 * place, 90, 90)).save(tmp_path / "pictures" / name / f"{place}.png")
    files = sorted((tmp_path / "pictures").glob("*/*.png"))
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name}" for path in files]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *rows]))
    (tmp_path / "mine.py").write_text(
        "from torchvision.datasets import ImageFolder\ndef build():\n    return ImageFolder('pictures')\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = opened(tmp_path / "pictures")
    for text in ("labels.csv", tmp_path / "labels.csv", "python:mine.py:build"):
        same = opened(text)
        assert same.class_names == folder.class_names
        assert [(picture.sum(), label) for picture, label in map(by_sum, contents(same))] == [
            (picture.sum(), label) for picture, label in map(by_sum, contents(folder))
        ]
    sys.modules.pop("mine")


def by_sum(item):
    picture, label, *_ = item
    return torch.as_tensor(np.asarray(picture)), int(label)
