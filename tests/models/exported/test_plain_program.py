import io
import json
import pickle
import zipfile

import pytest
import torch
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.models.exported.reading import read_exported


class Bomb:
    def __reduce__(self):
        return open, ("exploded", "w")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "good.pt2"
    network = nn.Sequential(nn.Conv2d(3, 2, 8), nn.Flatten(), nn.Linear(2, 2)).eval()
    with torch.no_grad():
        batch = torch.export.Dim("batch")
        torch.export.save(torch.export.export(network, (torch.rand(2, 3, 8, 8),), dynamic_shapes=({0: batch},)), path)
    return path


def changed(path, change, target):
    """A copy of an archive in which a function has changed the content of each file."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            copy.writestr(name, change(name.partition("/")[2], source.read(name)))
        for name, content in change("", b"") or ():
            copy.writestr(f"{source.namelist()[0].partition('/')[0]}/{name}", content)
    return target


def in_program(replace):
    def change(name, content):
        if name == "models/model.json":
            return json.dumps(replace(json.loads(content)))
        return content if name else ()

    return change


def first_call(model, target):
    model["graph_module"]["graph"]["nodes"][0]["target"] = target
    return model


def symbol(model, text):
    found = json.dumps(model)
    start = found.index('"expr_str": "') + len('"expr_str": "')
    return json.loads(found[:start] + text + found[found.index('"', start) :])


def pickled_weight(name, content):
    if name.endswith("model_weights_config.json"):
        config = json.loads(content)
        next(iter(config["config"].values()))["use_pickle"] = True
        return json.dumps(config)
    return content if name else ()


def sample_inputs(name, content):
    if name == "data/sample_inputs/model.pt":
        out = io.BytesIO()
        torch.save(Bomb(), out)
        return out.getvalue()
    return content if name else ()


HARM = {
    "a call of torch.os.system": in_program(lambda model: first_call(model, "torch.os.system")),
    "a call of torch.ops.load_library": in_program(lambda model: first_call(model, "torch.ops.load_library")),
    "a call of torch.ops.aten.from_file.default": in_program(
        lambda model: first_call(model, "torch.ops.aten.from_file.default")
    ),
    "a call of _operator.methodcaller": in_program(lambda model: first_call(model, "_operator.methodcaller")),
    "the expression exec": in_program(lambda model: symbol(model, "exec(chr(49))")),
    "the condition __import__": in_program(lambda model: model | {"guards_code": ["__import__('os')"]}),
    "the object 'weight_0'": pickled_weight,
    "objects in": sample_inputs,
    "'archive/data/aotinductor/model/x.so'|'good/data/aotinductor/model/x.so'": (
        lambda name, content: content if name else [("data/aotinductor/model/x.so", b"")]
    ),
}


def test_a_program_of_tensors_is_read(program):
    pictures = torch.rand(3, 3, 8, 8)
    with torch.no_grad():
        expected = torch.export.load(program).module()(pictures)
    torch.testing.assert_close(read_exported(str(program)).run(pictures), expected)


@pytest.mark.parametrize("found", HARM)
def test_what_could_run_code_is_refused_unread(found, program, in_folder):
    bad = changed(program, HARM[found], in_folder / "bad.pt2")
    with pytest.raises(UserError, match=f"'{bad}' cannot be read safely: it holds ({found})"):
        read_exported(str(bad))
    assert not (in_folder / "exploded").exists()


def test_the_bomb_of_these_tests_explodes(in_folder):
    pickle.loads(pickle.dumps(Bomb())).close()
    assert (in_folder / "exploded").exists()


def test_a_damaged_program_is_one_sentence(program, in_folder):
    (in_folder / "cut.pt2").write_bytes(program.read_bytes()[:-200])
    with pytest.raises(UserError, match="cut.pt2' is damaged or no program"):
        read_exported("cut.pt2")
