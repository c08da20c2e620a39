import argparse
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.models.torch_file import read_torch_file


def state():
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(4, 3)).state_dict()


@pytest.mark.parametrize("suffix", [".pth", ".ckpt", ".safetensors"])
def test_reads_what_was_written(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state_dict := state(), path)
    read = read_torch_file(path)
    assert read.keys() == state_dict.keys()
    assert all(torch.equal(value, state_dict[key]) for key, value in read.items())


def test_reads_the_format_before_1_6(tmp_path):
    torch.save({"a": torch.arange(3)}, tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    assert read_torch_file(tmp_path / "w.pth")["a"].tolist() == [0, 1, 2]


class Payload:
    """What a hostile pickle would do."""

    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("suffix", [".pth", ".ckpt", ".safetensors"])
@pytest.mark.parametrize("damage", ["cut", "text", "empty", "pickle"])
def test_unreadable_files_are_one_sentence(tmp_path, suffix, damage, capsys):
    path = tmp_path / f"w{suffix}"
    torch.save(state(), path)
    whole = path.read_bytes()
    if damage == "pickle":
        torch.save({"x": Payload()}, path)
    else:
        path.write_bytes({"cut": whole[: len(whole) // 2], "text": b"<html>403</html>", "empty": b""}[damage])
    with pytest.raises(UserError, match="cannot be read") as error:
        read_torch_file(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert "executed" not in capsys.readouterr().out


def test_every_flipped_bit_of_a_weight_is_told(tmp_path):
    """torch.load itself takes the flipped bit for a weight, which is why the checksums are compared."""
    path = tmp_path / "w.pth"
    weight = torch.arange(1000.0)
    torch.save({"weight": weight}, path)
    whole = bytearray(path.read_bytes())
    start = whole.index(weight.numpy().tobytes())
    for place in range(start, start + 4000, 400):
        damaged = bytearray(whole)
        damaged[place] ^= 0x40
        path.write_bytes(damaged)
        assert not torch.equal(torch.load(path, weights_only=True)["weight"], weight)
        with pytest.raises(UserError, match=r"cannot be read: it is damaged .*CRC.*copy or download it again"):
            read_torch_file(path)


def test_a_flipped_bit_anywhere_else_is_no_traceback(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"weight": torch.zeros(4), "epoch": 3}, path)
    whole = bytearray(path.read_bytes())
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        error = None
        try:
            assert read_torch_file(path)["weight"].tolist() == [0, 0, 0, 0]  # padding between the records
        except UserError as told:
            error = told
        assert error is None or "cannot be read" in str(error)


def test_files_without_checksums_are_read(tmp_path):
    config = pytest.importorskip("torch.utils.serialization").config
    try:
        config.save.compute_crc32 = False
        torch.save({"weight": torch.ones(3)}, tmp_path / "w.pth")
    finally:
        config.save.compute_crc32 = True
    assert read_torch_file(tmp_path / "w.pth")["weight"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("stranger", "named"),
    [
        (argparse.Namespace(lr=0.1), "argparse.Namespace"),
        (np.float64(0.7), "multiarray.scalar"),
        (np.zeros(3), "_reconstruct"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_harmless_classes_are_named_with_a_way_that_runs_nothing(tmp_path, stranger, named, zipped):
    torch.save({"model": state(), "args": stranger}, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match="torch does not allow .*safe_globals.*runs nothing of the file") as error:
        read_torch_file(tmp_path / "w.pth")
    assert named in str(error.value)
    assert "cut off" not in str(error.value)


def test_a_whole_network_is_named_with_a_warning(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"torch.nn.modules.linear.Linear, which .*if you trust its maker"):
        read_torch_file(tmp_path / "w.pth")


@pytest.mark.filterwarnings("ignore:.*torch.jit:")
def test_a_torchscript_program_is_named(tmp_path):
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), tmp_path / "w.pt")
    with pytest.raises(UserError, match="TorchScript program; save the module's state_dict"):
        read_torch_file(tmp_path / "w.pt")


def test_urls_and_missing_files():
    with pytest.raises(UserError, match="is a URL"):
        read_torch_file("https://example.org/w.pth")
    with pytest.raises(UserError, match="there is no file 'nowhere.pth'"):
        read_torch_file("nowhere.pth")


def test_the_way_out_that_the_documents_give_works(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "weights.md").read_text()
    monkeypatch.chdir(tmp_path)
    torch.save({"model": state(), "args": argparse.Namespace(lr=0.1), "best": np.float64(0.7)}, "checkpoint.pth")
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], {})
    assert read_torch_file("weights.pth").keys() == state().keys()
