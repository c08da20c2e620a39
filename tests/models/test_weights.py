import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.models.weights import is_file_name, load_strictly, read_state_dict, read_torch_file


def network(classes=3):
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(4, classes))


@pytest.mark.parametrize("prefix", ["", "module.", "backbone."])
@pytest.mark.parametrize("wrapped", [False, True])
def test_usual_layouts_are_read(tmp_path, prefix, wrapped):
    state = network().state_dict()
    content = {prefix + key: value for key, value in state.items()}
    torch.save({"state_dict": content, "epoch": 3} if wrapped else content, tmp_path / "w.pth")
    read = read_state_dict(tmp_path / "w.pth")
    assert read.keys() == state.keys()
    assert all(torch.equal(read[key], state[key]) for key in state)


def test_safetensors(tmp_path):
    state = network().state_dict()
    save_file(state, tmp_path / "w.safetensors")
    assert all(torch.equal(value, state[key]) for key, value in read_state_dict(tmp_path / "w.safetensors").items())


def test_files_are_told_from_published_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").write_text("")
    assert is_file_name("x.pth")
    assert is_file_name("plain")
    assert not is_file_name("IMAGENET1K_V1")


class Payload:
    """What a hostile pickle would do."""

    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("suffix", [".pth", ".ckpt", ".safetensors"])
@pytest.mark.parametrize("damage", ["cut", "text", "empty", "pickle"])
def test_unreadable_files_are_one_sentence(tmp_path, suffix, damage, capsys):
    path = tmp_path / f"w{suffix}"
    torch.save(network().state_dict(), path)
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


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 3}, {"state_dict": {"a": "b"}}])
def test_files_without_a_state_dict(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(UserError, match="holds no state dict"):
        read_state_dict(tmp_path / "w.pth")


def test_urls_and_missing_files():
    with pytest.raises(UserError, match="is a URL"):
        read_torch_file("https://example.org/w.pth")
    with pytest.raises(UserError, match="there is no file 'nowhere.pth'"):
        read_torch_file("nowhere.pth")


def test_differences_are_listed():
    state = network().state_dict()
    state["extra.weight"] = state.pop("0.weight")
    state["2.weight"] = torch.zeros(7, 4)
    with pytest.raises(UserError) as error:
        load_strictly(network(), "net", state, "'w.pth'")
    for part in (
        "'w.pth' do not fit net",
        "1 missing (0.weight)",
        "1 not in the network (extra.weight)",
        "1 of another shape (2.weight)",
    ):
        assert part in str(error.value)


def test_only_the_head_may_have_another_shape():
    source, target = network(5), network(3)
    before = target[2].weight.clone()
    load_strictly(target, "net", source.state_dict(), "w", optional="2.")
    assert torch.equal(target[0].weight, source[0].weight)
    assert torch.equal(target[2].weight, before)
    with pytest.raises(UserError, match="of another shape"):
        load_strictly(target, "net", source.state_dict(), "w", optional="0.")
