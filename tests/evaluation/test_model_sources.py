from pathlib import Path

import pytest
import torch

from lit_invariance.errors import UserError
from lit_invariance.evaluation.model_sources import choose_reference, find_sources, parse_source


def described(text):
    source = parse_source(text)
    return source.name, source.backbone, source.weights


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("torchvision/resnet50", ("resnet50", "torchvision/resnet50", "default")),
        ("plain=torchvision/resnet50", ("plain", "torchvision/resnet50", "default")),
        ("timm/resnet50@a1_in1k", ("resnet50", "timm/resnet50", "a1_in1k")),
        ("new=tiny_resnet@none", ("new", "tiny_resnet", None)),
        ("m=torchvision/vgg16@w/v=1/vgg.pth", ("m", "torchvision/vgg16", "w/v=1/vgg.pth")),
        ("torchvision/vgg16@w/v=1/vgg.pth", ("vgg16", "torchvision/vgg16", "w/v=1/vgg.pth")),
        ("m=tiny_resnet@other.ckpt", ("m", "tiny_resnet", "other.ckpt")),
        ("python:a/nets.py:make", ("make", "python:a/nets.py:make", "default")),
        ("python:pkg.nets:make@none", ("make", "python:pkg.nets:make", "default")),
        (
            "m=python:nets.py:make{k: 'a=b', f: x@y+z}@w.pth",
            ("m", "python:nets.py:make{k: 'a=b', f: x@y+z}", "w.pth"),
        ),
        ("python:nets.py:make{k: 'a=b'}", ("make", "python:nets.py:make{k: 'a=b'}", "default")),
        ("hf/owner/net-18", ("net-18", "hf/owner/net-18", "default")),
        ("hf/some/folder/@none", ("folder", "hf/some/folder/", None)),
        ("timm/hf-hub:owner/net.tag@default", ("net.tag", "timm/hf-hub:owner/net.tag", "default")),
    ],
)
def test_backbones(text, expected):
    assert described(text) == expected


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("timm/inception_resnet_v2:299", 299),
        ("irv2=timm/inception_resnet_v2:299@none+blurpool", 299),
        ("timm/inception_resnet_v2", None),
    ],
)
def test_a_backbone_may_have_an_input_of_its_own(text, size):
    source = parse_source(text)
    assert source.backbone == "timm/inception_resnet_v2"
    assert source.image_size == size


@pytest.mark.parametrize(
    "text",
    ["python:nets.py:make:64", "python:nets.py:make{k: 1}:64@w.pth", "timm/hf-hub:owner/net:64", "hf/owner/net:64"],
)
def test_a_name_with_colons_may_have_one_too(text):
    source = parse_source(text)
    assert (source.image_size, source.backbone) == (64, text.partition(":64")[0])


@pytest.mark.parametrize("text", ["timm/resnet50:big", "timm/resnet50:", "timm/resnet50:0"])
def test_an_input_size_is_a_number(text):
    with pytest.raises(UserError, match="is not an image size"):
        parse_source(text)


@pytest.mark.parametrize(
    ("text", "expected", "mitigations"),
    [
        ("avg=tiny_resnet@none+shift_average", ("avg", "tiny_resnet", None), ["shift_average"]),
        ("tiny_resnet+blurpool+content_crop", ("tiny_resnet", "tiny_resnet", "default"), ["blurpool", "content_crop"]),
        (
            "a=tiny_resnet@none+{shift_average: {shifts: 2}}+blurpool",
            ("a", "tiny_resnet", None),
            [{"shift_average": {"shifts": 2}}, "blurpool"],
        ),
    ],
)
def test_mitigations_are_added_to_a_backbone(text, expected, mitigations):
    assert described(text) == expected
    source = parse_source(text)
    assert (source.mitigations, source.text) == (mitigations, text.removeprefix(f"{expected[0]}="))


def test_mitigations_are_added_to_those_of_a_checkpoint(save_run):
    path = save_run("aa", mitigations=["blurpool"])
    source = parse_source(f"{path}+shift_average")
    assert (source.name, source.checkpoint, source.mitigations) == ("aa", path, ["blurpool", "shift_average"])


def test_a_plus_sign_in_a_file_name(save_run):
    path = save_run("aa+aug")
    assert parse_source(str(path)).checkpoint == path
    source = parse_source(f"x={path}+shift_average")
    assert (source.checkpoint, source.mitigations) == (path, ["shift_average"])
    torch.save({}, "a+b.pth")
    assert described("n=tiny_resnet@a+b.pth+blurpool") == ("n", "tiny_resnet", "a+b.pth")


def test_checkpoints(save_run):
    save_run("lr=0.1", mitigations=["blurpool"], translation={"kind": "pad"})
    source = parse_source("checkpoints/lr=0.1/best.ckpt")
    assert (source.name, source.checkpoint) == ("lr=0.1", Path("checkpoints/lr=0.1/best.ckpt"))
    assert (source.mitigations, source.translation) == (["blurpool"], {"kind": "pad"})
    assert source.data["dataset"] == "shapes"
    assert parse_source("aa=checkpoints/lr=0.1/best.ckpt").name == "aa"
    assert parse_source(str(save_run("run", file="epoch9.ckpt"))).name == "epoch9"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("m=https://x.org/a.ckpt", "is a URL; download"),
        ("m=tiny_resnet@https://x.org/a.pth", "is a URL; download"),
        ("m=", "does not name a model"),
        ("m=tiny_resnet@", "does not name a model"),
        ("m=weights/net.pth", "<backbone>@weights/net.pth"),
        ("checkpoints/plane/best.ckpt", r"no checkpoint .*; did you mean checkpoints/plain/best.ckpt\?"),
        ("m=tiny_resnet@none+shift_averag", "unknown mitigation 'shift_averag'; did you mean shift_average"),
        ("m=tiny_resnet@none+{shift_average", "is not a mitigation; write"),
        ("m=tiny_resnet@none+", "written as a name"),
        ("m=tiny_resnet@none+distillation", "distillation acts on training only; train with it"),
        ("m=elsewhere.ckpt", "no checkpoint 'elsewhere.ckpt'; check the path"),
    ],
)
def test_refused(save_run, text, message):
    save_run("plain")
    with pytest.raises(UserError, match=message):
        parse_source(text)


def test_file_that_is_no_checkpoint(in_folder):
    Path("cut.ckpt").write_bytes(b"PK\x03\x04 cut off")
    torch.save({"weight": torch.zeros(2)}, "foreign.ckpt")
    for name, message in (("cut.ckpt", "cut off"), ("foreign.ckpt", "not a checkpoint of this project")):
        with pytest.raises(UserError, match=message):
            parse_source(name)


def test_without_a_list_all_best_checkpoints_are_taken(save_run):
    for name in ("plain", "aa", "aug"):
        save_run(name)
        save_run(name, file="last.ckpt")
    assert [source.name for source in find_sources(None)] == ["aa", "aug", "plain"]


def test_without_a_list_a_run_of_code_is_left_out_and_told(save_run, caplog):
    caplog.set_level("INFO")
    save_run("plain")
    path = save_run("own")
    content = torch.load(path)
    content["hyper_parameters"]["backbone"] = "python:nets.py:make"
    torch.save(content, path)
    assert [source.name for source in find_sources(None)] == ["plain"]
    assert "left out:    'checkpoints/own/best.ckpt' was trained with the code python:nets.py:make" in caplog.text
    assert "write python:nets.py:make@checkpoints/own/best.ckpt" in caplog.text
    Path("checkpoints/plain/best.ckpt").unlink()
    with pytest.raises(UserError, match="which is run only if you name it"):
        find_sources(None)


def test_nothing_to_compare(in_folder):
    with pytest.raises(UserError, match=r"there is no checkpoints/.*train a model first"):
        find_sources(None)


def test_two_models_of_one_name():
    with pytest.raises(UserError, match="two models are called 'resnet50'"):
        find_sources(["torchvision/resnet50", "timm/resnet50"])


class TestReference:
    def test_wanted(self):
        sources = find_sources(["tiny_resnet", "baseline=tiny_resnet"])
        assert choose_reference(sources, "tiny_resnet", True) == "tiny_resnet"

    def test_unknown(self):
        with pytest.raises(UserError, match="unknown reference model 'tiny'; did you mean tiny_resnet"):
            choose_reference(find_sources(["tiny_resnet"]), "tiny", True)

    def test_baseline(self):
        assert choose_reference(find_sources(["tiny_resnet", "baseline=tiny_resnet"]), None, True) == "baseline"

    def test_first_of_a_list(self):
        assert choose_reference(find_sources(["b=tiny_resnet", "a=tiny_resnet"]), None, True) == "b"

    def test_only_plain_run(self, save_run):
        save_run("aa", mitigations=["blurpool"])
        save_run("aug", translation={"kind": "pad"})
        save_run("shapes")
        assert choose_reference(find_sources(None), None, False) == "shapes"

    def test_first_of_several_plain_runs(self, save_run):
        save_run("zebra")
        save_run("ant")
        assert choose_reference(find_sources(None), None, False) == "ant"
