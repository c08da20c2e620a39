import logging

import pytest
import torch
import torchvision
from PIL import Image

from lit_invariance.api.evaluate import evaluate
from lit_invariance.data.synsets import imagenet_classes
from lit_invariance.errors import UserError
from lit_invariance.evaluation import trained_classes
from lit_invariance.evaluation.model_sources import ModelSource, parse_source
from lit_invariance.evaluation.trained_classes import known_outputs, see_same_classes
from lit_invariance.models.small_resnet import SmallResNet
from lit_invariance.training.checkpoint import read_checkpoint

NAMES = list(imagenet_classes().values())
PUBLISHED = ModelSource("net", "torchvision/resnet18", backbone="torchvision/resnet18", weights="default")
QUICK = {"accelerator": "cpu", "progress": False, "cost": False, "num_workers": 0, "image_size": 16}


def fill(root, classes):
    for name in classes:
        (root / name).mkdir(parents=True)
        Image.new("RGB", (20, 20), (0, 90, 0)).save(root / name / "1.png")
    return root


def test_imagenet_weights_want_imagenets_classes():
    see_same_classes([PUBLISHED], NAMES)
    see_same_classes([PUBLISHED], [str(number) for number in range(10)])  # the number is told elsewhere
    with pytest.raises(UserError, match="output 0 of model net is 'tench', and of the data 'class 0'.*class_map"):
        see_same_classes([PUBLISHED], [f"class {number}" for number in range(1000)])
    random = ModelSource("net", "torchvision/resnet18@none", backbone="torchvision/resnet18")
    see_same_classes([random], [f"class {number}" for number in range(1000)])


def test_names_that_weights_bring_along_are_compared(monkeypatch):
    """Those of ImageNet are written with synonyms, or as synsets; other lists of a thousand are not taken for it."""
    net = ModelSource("net", "hf/net", backbone="hf/net", weights="default")

    def see(own, data):
        monkeypatch.setattr(trained_classes, "published_class_names", lambda name, weights: own)
        see_same_classes([net], data)

    see([f"{name.replace(' ', '_')}, another name" for name in NAMES], NAMES)
    see(list(imagenet_classes()), NAMES)
    see(["cat", "dog"], ["cat", "dog"])
    for own, data in ((["cat", "dog"], ["dog", "cat"]), (NAMES[::-1], NAMES)):
        with pytest.raises(UserError, match="output 0 of model net is .*class_map"):
            see(own, data)


def test_a_file_of_a_thousand_outputs_is_taken_for_imagenets(tmp_path):
    file = tmp_path / "of_an_older_release.pth"
    torch.save(torchvision.models.squeezenet1_1().state_dict(), file)
    source = parse_source(f"net=torchvision/squeezenet1_1@{file}")
    with pytest.raises(UserError, match="output 0 of model net is 'tench', and of the data 'class 0'.*class_map"):
        see_same_classes([source], [f"class {number}" for number in range(1000)])
    see_same_classes([source], NAMES)
    see_same_classes([source], [str(number) for number in range(1000)])


def test_outputs_known_before_loading(tmp_path):
    assert known_outputs([PUBLISHED]) == 1000
    torch.save(SmallResNet(7, blocks=2, pool=True).state_dict(), tmp_path / "seven.pth")
    file = parse_source(f"tiny_resnet@{tmp_path / 'seven.pth'}")
    assert known_outputs([parse_source("tiny_resnet@none"), file]) == 7
    assert known_outputs([parse_source("tiny_resnet@none")]) is None


def with_classes(path, names):
    content = torch.load(path, weights_only=True)
    torch.save(content | {"InvarianceData": {"class_names": names}}, path)
    return str(path)


def test_a_checkpoint_and_data_of_other_classes(save_run, in_folder, caplog):
    path = with_classes(save_run("run", num_classes=3), ["ant", "bee", "cat"])
    fill(in_folder / "same", ["ant", "bee", "cat"])
    with caplog.at_level(logging.INFO, logger="pytorch_lightning.utilities.rank_zero"):
        evaluate({"run": path}, in_folder / "same", ["crop"], **QUICK)
    assert f"data: 3 images in 3 class folders of {in_folder / 'same'}" in caplog.messages
    fill(in_folder / "other", ["ant", "cat", "dog"])
    with pytest.raises(UserError, match="output 1 of model run is 'bee', and of the data 'cat'"):
        evaluate({"run": path}, in_folder / "other", ["crop"], **QUICK)


def test_synset_folders_and_a_checkpoint_of_as_many_classes(save_run, in_folder):
    synsets = list(imagenet_classes())[3:6]
    path = with_classes(save_run("run", num_classes=3), NAMES[3:6])
    results = evaluate({"run": path}, fill(in_folder / "data", synsets), ["crop"], **QUICK)
    assert results.content["data"]["classes"] == 3
    assert results.outcomes.labels.tolist() == [0, 1, 2]


def test_a_film_and_weights_of_seven_classes(in_folder, write_film):
    from lit_invariance.data.video import Film

    torch.save(SmallResNet(7, blocks=2, pool=True).state_dict(), "seven.pth")
    film = Film(write_film(in_folder / "film.avi", 4))
    options = {"accelerator": "cpu", "progress": False, "cost": False, "image_size": 16}
    results = evaluate({"seven": "tiny_resnet@seven.pth"}, film, label=6, **options)
    assert results.content["data"]["classes"] == 7
    with pytest.raises(UserError, match="--video_label 7 is not a class"):
        evaluate({"seven": "tiny_resnet@seven.pth"}, film, label=7, **options)


def test_class_names_of_a_foreign_checkpoint_are_words(save_run, in_folder):
    with pytest.raises(UserError, match="InvarianceData.class_names"):
        read_checkpoint(with_classes(save_run("run"), [{"a": 1}]))
