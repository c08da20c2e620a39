import io
import json
import re
import sys
import tarfile
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import webdataset
from PIL import Image

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.epochs import generator_of, order_in_runs
from lit_invariance.data.image_folder import load_image_folder
from lit_invariance.data.shards import load_shards
from lit_invariance.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def png(number: int) -> bytes:
    """A picture whose red is its number."""
    content = io.BytesIO()
    Image.new("RGB", (40, 34), (number, 0, 0)).save(content, "PNG")
    return content.getvalue()


def write(folder: Path, sizes: dict[str, int]) -> str:
    """Shards by their stem, with that many samples, as webdataset's own writer makes them; classes take turns."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for stem, count in sizes.items():
        with webdataset.TarWriter(str(folder / f"{stem}.tar")) as shard:
            for _ in range(count):
                shard.write({"__key__": f"{number:05d}", "png": png(number), "cls": number % 3})
                number += 1
    return str(folder)


def pack(path: Path, members: dict[str, bytes], mode: str = "w") -> str:
    with tarfile.open(path, mode) as shard:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            shard.addfile(info, io.BytesIO(content))
    return str(path)


def read(source) -> list[tuple[int, int]]:
    return [(int(source[place][0][0, 0, 0]), source[place][1]) for place in range(len(source))]


def test_every_sample_has_its_position(tmp_path):
    splits = load_shards(write(tmp_path, {"000000": 4, "000001": 1, "000002": 6}), val_fraction=1.0)
    assert read(splits.val) == [(number, number % 3) for number in range(11)]
    assert splits.val.about == f"11 images of 3 classes in 3 shards of {tmp_path}"
    assert splits.val.runs == [4, 1, 6]


def test_parts_by_the_names_of_shards_or_of_their_folders(tmp_path):
    for root in (
        write(
            tmp_path / "loose", {"imagenet1k-train-000": 3, "imagenet1k-train-001": 2, "imagenet1k-validation-000": 4}
        ),
        write(write_below := tmp_path / "below" / "train", {"a": 3, "b": 2}) and str(write_below.parent),
    ):
        if "below" in root:
            write(Path(root) / "val", {"a": 4})
        splits = load_shards(root)
        assert (len(splits.load_train()), len(splits.val)) == (5, 4)
        assert splits.val.about == f"4 images of 3 classes in 1 shard of {root} (val)"


def test_patterns_and_another_folder_to_validate_on(tmp_path):
    root = write(tmp_path / "a", {"part-000": 3, "part-001": 5, "other": 9})
    other = write(tmp_path / "b", {"part-000": 3})
    splits = load_shards(f"{root}/part-{{000..001}}.tar", val_root=other)
    assert (len(splits.load_train()), len(splits.val)) == (8, 3)


def test_names_and_json_are_labels_too(tmp_path):
    members = {"./ant/0.JPEG": png(0), "./ant/0.cls": b"n01440764\n", "bee/x.seg.png": png(1), "bee/x.other": b""}
    pack(tmp_path / "0.tar", members | {"bee/x.json": json.dumps({"label": "n15075141"}).encode(), "bee/._y.png": b"?"})
    splits = load_shards(str(tmp_path), val_fraction=1.0)
    assert (read(splits.val), len(splits.class_names)) == ([(0, 0), (1, 999)], 1000)


def test_training_goes_through_the_shards_in_random_order_with_a_buffer():
    runs = [4, 1, 6, 3]
    whole = order_in_runs(runs, generator_of("order", 0, 0), buffer=1)
    owner = np.repeat(range(4), runs)
    assert sorted(whole) == list(range(14))
    assert [len([*run]) for _, run in groupby(owner[whole])] == [runs[run] for run, _ in groupby(owner[whole])]
    assert order_in_runs(runs, generator_of("order", 0, 1), buffer=1).tolist() != whole.tolist()
    mixed = order_in_runs([500] * 20, generator_of("order", 0, 0), buffer=600)
    assert sorted(mixed) == list(range(10_000))
    # A sample may come late by any time, but never before it was read into the buffer.
    shards = [
        run for run, _ in groupby(np.repeat(range(20), 500)[order_in_runs([500] * 20, generator_of("order", 0, 0), 1)])
    ]
    ranks = np.array([shards.index(shard) for shard in mixed // 500])
    assert all(ranks[: 500 * done].max() <= done + 1 for done in range(1, 19))
    assert order_in_runs([3, 2], generator_of("order", 0, 0)).tolist() != [0, 1, 2, 3, 4]


def test_an_epoch_of_training_shows_every_sample_and_follows_the_shards(tmp_path, monkeypatch):
    monkeypatch.setattr("lit_invariance.data.epochs.order_in_runs.__defaults__", (1,))
    root = write(tmp_path, {"train-0": 4, "train-1": 8, "val-0": 3})
    data = InvarianceData("webdataset", root=root, image_size=32, batch_size=4, num_workers=2, flip=False)
    seen = [round(float(red)) for batch in data.train_dataloader() for red in batch["image"][:, 0, 0, 0]]
    assert sorted(seen) == list(range(12))
    assert {*seen[:4]} == {0, 1, 2, 3} or {*seen[8:]} == {0, 1, 2, 3}
    again = [round(float(red)) for batch in data.train_dataloader() for red in batch["image"][:, 0, 0, 0]]
    assert again == seen  # the same epoch, as a resumed training has it


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "it holds no sample"),
        ({"a.png": b"x"}, "sample a has no label, which would be a.cls"),
        ({"a.cls": b"1"}, "sample a has 0 pictures, not one"),
        ({"a.png": b"x", "a.jpg": b"x", "a.cls": b"1"}, "sample a has 2 pictures, not one"),
        ({"a.png": b"x", "a.cls": b" "}, "the label of sample a is empty"),
        ({"a.png": b"x", "a.json": b"{}"}, "the label of sample a is empty"),
        ({"a.png": b"x", "a.json": b"{"}, "Expecting property name"),
        ({"a.png": b"x", "a.cls": b"\xff\xfe"}, "can't decode byte"),
        ({"a.png": b"x", "a.cls": b"1", "b.png": b"x", "b.cls": b"1", "a.json": b"{}"}, "two samples are called a"),
    ],
)
def test_what_is_wrong_with_a_shard_is_told(tmp_path, members, said):
    pack(tmp_path / "0.tar", members)
    with pytest.raises(UserError, match=f"the shard .*0.tar cannot be used: .*{said}.*; pack it again") as error:
        load_shards(str(tmp_path))
    assert "\n" not in str(error.value)


def test_damaged_shards(tmp_path):
    sample = {"a.png": png(0), "a.cls": b"1", "b.cls": b"1", "b.png": png(1) + bytes(20_000)}
    whole = Path(pack(tmp_path / "0.tar", sample)).read_bytes()
    for content in (whole[:700], whole[:-22_000], b"text" * 500, whole[:100]):
        (tmp_path / "0.tar").write_bytes(content)
        with pytest.raises(UserError, match=r"the shard .*0.tar cannot be used: .*(cut off|no sample)"):
            load_shards(str(tmp_path))
    pack(tmp_path / "0.tar", sample, mode="w:gz")
    with pytest.raises(UserError, match="it is compressed, cut off or no tar file"):
        load_shards(str(tmp_path))
    pack(tmp_path / "0.tar", {"a.png": b"text", "a.cls": b"1"})
    with pytest.raises(UserError, match=r"cannot read the image a.png in .*0.tar \(it is no picture in a known format"):
        read(load_shards(str(tmp_path), val_fraction=1.0).val)


def test_other_mistakes(tmp_path):
    with pytest.raises(UserError, match="webdataset needs the folder or the pattern of the shards; set --data.root"):
        load_shards(None)
    with pytest.raises(UserError, match="the shards pipe:cat x are not on this machine"):
        load_shards("pipe:cat x")
    with pytest.raises(UserError, match="holds no shard"):
        load_shards(str(tmp_path))
    with pytest.raises(UserError, match="there is no shard .*train-1.tar"):
        load_shards(f"{tmp_path}/train-{{1..2}}.tar")
    root = write(tmp_path / "mixed", {"train-0": 1, "more-0": 1})
    with pytest.raises(UserError, match="the name of the shard .*more-0.tar does not say which part it is of"):
        load_shards(root)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "webdataset", None)
    with pytest.raises(UserError, match=r"needs webdataset, .* pip install 'lit-invariance\[webdataset\]' brings it"):
        load_shards(str(tmp_path))


def test_the_lines_of_the_docs_pack_a_folder(in_folder):
    """The same pictures with the same labels at the same positions as in the folder."""
    for number, label in enumerate("babca"):
        path = in_folder / "DIR" / "val" / label / f"{number}.file.PNG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))
    block = re.search(
        r"```python\n((?:(?!```).)*ShardWriter.*?)```", (ROOT / "docs" / "data.md").read_text(), re.DOTALL
    )
    exec(block[1], {})
    folder, shards = load_image_folder("DIR", val_fraction=1.0), load_shards("shards", val_fraction=1.0)
    assert (read(shards.val), shards.class_names) == (read(folder.val), folder.class_names)
