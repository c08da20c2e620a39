import sys

import datasets
import numpy as np
import pytest
from PIL import Image

from lit_invariance.data.hf_dataset import load_hf
from lit_invariance.data.images import to_rgb
from lit_invariance.data.synsets import imagenet_classes
from lit_invariance.errors import UserError


def picture(number: int) -> Image.Image:
    return Image.new("RGB", (4, 3), (number, 0, 0))


def table(labels, kind=None, first=0, **columns):
    """Rows whose picture's red is their number."""
    features = {"image": datasets.Image(), "label": kind or datasets.ClassLabel(names=["cat", "ant"])}
    rows = {"image": [picture(first + row) for row in range(len(labels))], "label": labels}
    extra = {name: datasets.Value("int64") for name in columns}
    return datasets.Dataset.from_dict(rows | columns, features=datasets.Features(features | extra))


def read(source):
    return [(int(source[place][0][0, 0, 0]), source[place][1]) for place in range(len(source))]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def test_a_data_set_saved_to_disk(tmp_path):
    table([1, 0, 1]).save_to_disk(tmp_path / "set")
    splits = load_hf(f"hf/{tmp_path}/set", val_fraction=1.0)
    assert splits.class_names == ["cat", "ant"]
    assert read(splits.val) == [(0, 1), (1, 0), (2, 1)]
    assert splits.val.about == f"3 images of 2 classes in hf/{tmp_path}/set"


def test_parts(tmp_path):
    parts = {"train": table([1, 0]), "validation": table([0], first=5), "test": table([-1])}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "set")
    splits = load_hf(f"hf/{tmp_path}/set")
    assert (read(splits.val), read(splits.load_train())) == ([(5, 0)], [(0, 1), (1, 0)])


def test_a_folder_with_parquet_files(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "set").mkdir()
    table([1, 0]).to_parquet(tmp_path / "set" / "train-00000.parquet")
    assert len(load_hf(f"hf/{tmp_path}/set", val_fraction=1.0).val) == 2


def test_labels_may_be_numbers_or_names(tmp_path):
    table([3, 1], datasets.Value("int64")).save_to_disk(tmp_path / "numbers")
    assert read(load_hf(f"hf/{tmp_path}/numbers", val_fraction=1.0, outputs=4).val) == [(0, 3), (1, 1)]
    table(["n15075141", "n01440764"], datasets.Value("string")).save_to_disk(tmp_path / "names")
    assert read(load_hf(f"hf/{tmp_path}/names", val_fraction=1.0).val) == [(0, 999), (1, 0)]


def test_imagenet_s_names_are_known_by_their_first_word(tmp_path):
    """The hub's copy has 'tench, Tinca tinca'."""
    names = [f"{name}, also {output}" for output, name in enumerate(imagenet_classes().values())]
    table([7], datasets.ClassLabel(names=names)).save_to_disk(tmp_path / "set")
    splits = load_hf(f"hf/{tmp_path}/set", val_fraction=1.0)
    assert (splits.class_names, read(splits.val)) == ([*imagenet_classes().values()], [(0, 7)])
    others = [f"thing {output}" for output in range(1000)]
    table([7], datasets.ClassLabel(names=others)).save_to_disk(tmp_path / "others")
    assert load_hf(f"hf/{tmp_path}/others", val_fraction=1.0).class_names == others


def test_columns_can_be_named(tmp_path):
    two = table([1, 0], coarse=[0, 0]).cast_column("coarse", datasets.ClassLabel(names=["all"]))
    two = two.rename_column("label", "fine")
    two.save_to_disk(tmp_path / "set")
    name = f"hf/{tmp_path}/set"
    assert read(load_hf(name, val_fraction=1.0, label="fine").val) == [(0, 1), (1, 0)]
    with pytest.raises(UserError, match=r"several columns that may hold the labels \(fine, coarse\); name it, as"):
        load_hf(name)
    with pytest.raises(UserError, match="has no column 'other' of images; it has image, fine, coarse"):
        load_hf(name, image="other", label="fine")


def test_pixels_are_decoded_as_files_are(tmp_path):
    """By the project's decoder, which turns a picture upright and lays transparency over black."""
    noise = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    image, exif = Image.fromarray(noise, "RGBA"), Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    rows = {"image": [str(tmp_path / "turned.png")], "label": [0]}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a"])})
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "set")
    found, _ = load_hf(f"hf/{tmp_path}/set", val_fraction=1.0).val[0]
    assert found.equal(to_rgb(Image.open(tmp_path / "turned.png")))


def test_mistakes(tmp_path):
    with pytest.raises(
        UserError, match="hf/nobody/nothing cannot be opened .*; name a folder, or fetch it with --data"
    ):
        load_hf("hf/nobody/nothing")
    table([1, -1]).save_to_disk(tmp_path / "unknown")
    with pytest.raises(UserError, match="row 1 of hf/.*/unknown has the label -1, which is no class"):
        load_hf(f"hf/{tmp_path}/unknown")
    table([1]).remove_columns("image").save_to_disk(tmp_path / "bare")
    with pytest.raises(UserError, match="bare has no column of images; name it, as --data.dataset '{hf/.*: {image: C"):
        load_hf(f"hf/{tmp_path}/bare")
    datasets.DatasetDict({"left": table([1]), "right": table([1])}).save_to_disk(tmp_path / "sides")
    with pytest.raises(UserError, match="the parts of hf/.*/sides are left, right; it is not clear which one to train"):
        load_hf(f"hf/{tmp_path}/sides")
    rows = {"image": [None, {"bytes": b"text", "path": None}], "label": [0, 1]}
    datasets.Dataset.from_dict(rows, features=table([0]).features).save_to_disk(tmp_path / "broken")
    broken = load_hf(f"hf/{tmp_path}/broken", val_fraction=1.0).val
    with pytest.raises(UserError, match="row 0 of hf/.*/broken holds no picture; remove it"):
        broken[0]
    with pytest.raises(UserError, match="cannot read the image of row 1 of hf/.*/broken"):
        broken[1]


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"needs datasets, .* pip install 'lit-invariance\[hf\]' brings it"):
        load_hf("hf/x")
