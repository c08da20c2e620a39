import itertools
import logging
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from lit_invariance.errors import UserError
from lit_invariance.models.state_dict import ENTRIES, PREFIXES, is_file_name, read_state_dict, split_entry


def network():
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 1), norm=nn.BatchNorm2d(4), fc=nn.Linear(4, 3)))


STATE = network().state_dict()
NAMES = STATE.keys()


def saved(path, content):
    torch.save(content, path)
    return path


def assert_same(read, state=STATE):
    assert list(read) == list(state)
    assert all(torch.equal(read[key], state[key]) for key in state)
    assert read._metadata[""] == {"version": 1}
    assert read._metadata["norm"] == {"version": 2}


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, logger="pytorch_lightning")
    return caplog


PREFIXED = ["", *PREFIXES, *map("".join, itertools.permutations(PREFIXES, 2)), "module._orig_mod.model.backbone."]


@pytest.mark.parametrize("prefix", PREFIXED)
def test_every_combination_of_prefixes_is_cut_off_with_the_metadata(tmp_path, prefix, said):
    content = OrderedDict((prefix + key, value) for key, value in STATE.items())
    content._metadata = {(prefix + key).rstrip("."): value for key, value in STATE._metadata.items()}
    assert_same(read_state_dict(saved(tmp_path / "w.pth", content), NAMES))
    assert (f"the prefix '{prefix}' was cut off" in said.text) == bool(prefix)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_usual_entry_is_found_and_said(tmp_path, entry, said):
    path = saved(tmp_path / "w.pth", {entry: STATE, "epoch": 3, "optimizer": {"lr": 0.1}})
    assert_same(read_state_dict(path, NAMES))
    assert f"took its entry '{entry}'." in said.text


def test_of_two_kinds_of_weights_the_plain_ones_are_taken_and_the_others_can_be_chosen(tmp_path, said):
    other = OrderedDict((key, value + 1) for key, value in STATE.items())
    path = saved(tmp_path / "w.pth", {"state_dict_ema": other, "state_dict": STATE, "own": other})
    assert torch.equal(read_state_dict(path, NAMES)["fc.weight"], STATE["fc.weight"])
    assert f"took its entry 'state_dict'; for the others write {path}#state_dict_ema." in said.text
    for entry in ("state_dict_ema", "own"):
        assert torch.equal(read_state_dict(f"{path}#{entry}", NAMES)["fc.weight"], other["fc.weight"])
    with pytest.raises(UserError, match="unknown entry of '.*w.pth' 'state_dict_emo'; did you mean state_dict_ema"):
        read_state_dict(f"{path}#state_dict_emo", NAMES)


def test_a_prefix_that_is_part_of_the_network_stays(tmp_path):
    own = nn.ModuleDict({"model": network(), "fc": nn.Linear(3, 2)}).state_dict()
    read = read_state_dict(saved(tmp_path / "w.pth", own), own.keys())
    assert list(read) == list(own)
    wrapped = {f"module.{key}": value for key, value in own.items()}
    assert list(read_state_dict(saved(tmp_path / "v.pth", wrapped), own.keys())) == list(own)


def test_what_has_no_prefix_is_left_out_by_name(tmp_path, said):
    content = {**{f"module.{key}": value for key, value in STATE.items()}, "mu": torch.zeros(3), "sigma": torch.ones(3)}
    assert list(read_state_dict(saved(tmp_path / "w.pth", {"state_dict": content}), NAMES)) == list(STATE)
    assert "the prefix 'module.' was cut off its names; the 2 without it were left out: mu, sigma." in said.text


def test_torch_s_averaged_model_is_read(tmp_path, said):
    averaged = AveragedModel(network())
    read = read_state_dict(saved(tmp_path / "w.pth", averaged.state_dict()), NAMES)
    assert list(read) == list(STATE)
    assert "left out: n_averaged" in said.text


def test_names_of_another_version_of_the_network_keep_their_order_and_lose_their_prefix(tmp_path):
    content = {"module.old.1.weight": torch.zeros(1), "module.old.2.weight": torch.zeros(1)}
    assert list(read_state_dict(saved(tmp_path / "w.pth", content), NAMES)) == ["old.1.weight", "old.2.weight"]


@pytest.mark.parametrize(
    "content", [[1, 2], {}, {"a": 3}, {"state_dict": {"a": "b"}}, {"state_dict": {}}, {"optimizer": STATE}, {3: STATE}]
)
def test_files_without_a_state_dict(tmp_path, content):
    with pytest.raises(UserError, match="holds no state dict: neither .* state_dict, model, net"):
        read_state_dict(saved(tmp_path / "w.pth", content), NAMES)


def test_files_are_told_from_published_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").write_text("")
    (tmp_path / "a#b.pth").write_text("")
    assert all(map(is_file_name, ["x.pth", "plain", "plain#ema", "x.pth#ema", "x.pth.tar", "a#b.pth"]))
    assert not is_file_name("IMAGENET1K_V1")
    assert split_entry("a#b.pth") == ("a#b.pth", None)
    assert split_entry("a#b.pth#ema") == ("a#b.pth", "ema")
    assert split_entry("plain") == ("plain", None)
