import os
import sys

import pytest
import pytorch_lightning as pl
import torch

from lit_invariance.errors import UserError
from lit_invariance.mitigations import antialias
from lit_invariance.models.backbones import classes_of_file, create_backbone, preprocessing_of, published_classes
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.user_code.calling import find_code


def test_the_network_is_that_of_the_code(nets):
    torch.manual_seed(3)
    made = create_backbone("python:nets.py:fixed{width: 6}", None, 5, image_size=16)
    torch.manual_seed(3)
    own = find_code("nets.py:fixed").function(width=6)
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(made.network(images), own(images))
    assert (made.heads, made.trained_classes, made.new_head) == (("head",), 5, False)


def test_what_the_code_says_of_the_input_is_taken(nets):
    expected = preprocessing_of("python:nets.py:seven", None)
    assert (expected.mean, expected.std, expected.inside) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), False)
    assert published_classes("python:nets.py:seven", None) == 7


def test_without_a_word_about_its_input_it_gets_the_pictures_as_they_are(nets, caplog):
    caplog.set_level("INFO")
    classifier = LitClassifier("python:nets.py:fixed", num_classes=5, image_size=16).eval()
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(classifier(images), classifier.backbone(images))
    assert caplog.text.count("nets.py:fixed: gets pictures in [0, 1], not normalised; let the function return") == 1


def test_a_bare_network_of_a_library_gets_that_library_s_normalisation(in_folder):
    source = "from torchvision.models import resnet18\n"
    (in_folder / "tv.py").write_text(source)
    assert preprocessing_of("python:tv.py:resnet18", None) == preprocessing_of("torchvision/resnet18", None)


@pytest.mark.parametrize("name", ["fixed", "Small", "classes"])
def test_another_number_of_classes(name, nets):
    """By the argument of that name where there is one, otherwise by a new layer."""
    made = create_backbone(f"python:nets.py:{name}", None, 3, image_size=16)
    assert made.network(torch.rand(2, 3, 16, 16)).shape == (2, 3)
    assert made.network.head.weight.shape == (3, 16)
    assert made.trained_classes == (None if name == "classes" else 5)


def test_weights_from_a_file(nets):
    source = find_code("nets.py:Small").function(num_classes=3)
    torch.save({f"module.{key}": value for key, value in source.state_dict().items()}, "w.pth")
    assert classes_of_file("python:nets.py:fixed", "w.pth") == 3
    made = create_backbone("python:nets.py:fixed", "w.pth", 3)
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(made.network(images), source(images))
    assert made.trained_classes == 3
    assert create_backbone("python:nets.py:fixed", "w.pth", 4).new_head
    with pytest.raises(UserError, match="the weights in 'w.pth' do not fit python:nets.py:fixed{width: 8}"):
        create_backbone("python:nets.py:fixed{width: 8}", "w.pth", 3)


def test_a_lightning_module_goes_through_its_own_checkpoint(nets):
    module = find_code("nets.py:Lit").function(width=6)
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", enable_model_summary=False)
    trainer.strategy.connect(module)
    trainer.save_checkpoint("own.ckpt")
    made = create_backbone("python:nets.py:Lit", "own.ckpt", 5)
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(made.network(images), module(images))  # of width 6, which only the file says
    assert made.trained_classes == published_classes("python:nets.py:Lit", "own.ckpt") == 5
    torch.save({"state_dict": {}, "hyper_parameters": {"width": 6}, "pytorch-lightning_version": "2.6.6"}, "empty.ckpt")
    with pytest.raises(UserError, match="'empty.ckpt' cannot be loaded by nets.py:Lit .*Error.* in loading state_dict"):
        create_backbone("python:nets.py:Lit", "empty.ckpt", 5)


def test_an_object_that_holds_logits(nets):
    made = create_backbone("python:nets.py:Answer", None, 5, image_size=16)
    assert made.network(torch.rand(2, 3, 16, 16)).shape == (2, 5)


def test_code_that_returns_one_network_each_time_is_not_changed_by_surgery(nets):
    first, second = (create_backbone("python:nets.py:same", None, 5).network for _ in range(2))
    images = torch.rand(2, 3, 16, 16)
    before = second(images)
    antialias(first, stem=True)
    assert not torch.allclose(first(images), before)
    assert torch.equal(second(images), before)
    assert torch.equal(create_backbone("python:nets.py:same", None, 5).network(images), before)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("number", "'nets.py:number' returns a int; let it return a torch.nn.Module"),
        ("strange", "returns str as preprocessing; return \\(mean, std\\)"),
        ("broken", "'nets.py:broken' fails in .*nets.py, line .*, with TypeError: unsupported operand"),
        ("fixed{widht: 4}", "unknown argument of nets.py:fixed 'widht'; did you mean width"),
        ("fixed{4}", "the arguments in 'nets.py:fixed.4.' have no names; write {argument: value}"),
        ("fixed{width: [}", "the arguments in .* cannot be read"),
        ("smal", "unknown name in nets.py 'smal'; did you mean"),
        ("constant", "'nets.py:constant' is a int; name a function or a class"),
    ],
)
def test_mistakes(name, message, nets):
    with pytest.raises(UserError, match=message):
        create_backbone(f"python:nets.py:{name}", None, 5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("python:net.py:make", "there is no Python file 'net.py'; check the path after python:"),
        ("python:no_such_package.nets:make", "there is no Python module 'no_such_package.nets'; start in the folder"),
        ("python:nets", "'nets' does not name code; write python:package.module:name or python:path"),
        ("python:raises.py:make", "'raises.py' cannot be imported in .*raises.py, line 2, with ZeroDivisionError"),
        ("python:lacks.py:make", "'lacks.py' cannot be imported in .*lacks.py, line 1, with ModuleNotFoundError"),
    ],
)
def test_code_that_cannot_be_found(name, message, in_folder):
    (in_folder / "raises.py").write_text("x = 1\nx / 0\n")
    (in_folder / "lacks.py").write_text("import no_such_module_of_mine\n")
    with pytest.raises(UserError, match=message):
        create_backbone(name, None, 5)


def test_weights_that_are_no_file(nets):
    with pytest.raises(UserError, match="'IMAGENET1K_V1' is not a file of weights; name a file as python:nets"):
        create_backbone("python:nets.py:fixed", "IMAGENET1K_V1", 5)


def test_a_changed_file_is_read_again(nets, monkeypatch):
    """Though it has the size it had and is less than a second younger, and Python may keep what it has compiled."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file, second = nets / "nets.py", 1_700_000_000 * 10**9
    os.utime(file, ns=(second, second))
    assert published_classes("python:nets.py:fixed", None) == 5
    file.write_text(file.read_text().replace("return Small(5, width)", "return Small(6, width)"))
    os.utime(file, ns=(second + 1000, second + 1000))
    assert published_classes("python:nets.py:fixed", None) == 6
    assert not (nets / "__pycache__").exists()
