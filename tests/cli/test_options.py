import logging
import os
from pathlib import Path

import pytest

from lit_invariance.cli.options import parse
from lit_invariance.cli.request import settle
from lit_invariance.errors import UserError


def data(*args):
    return settle(parse(args)).settings.data


def test_data_of_the_reference_is_taken_over_but_not_how_it_was_loaded(save_run):
    save_run("plain", shapes={"val_images": 9}, batch_size=200, max_images=4)
    settings = data()
    assert (settings.dataset, settings.shapes, settings.image_size) == ("shapes", {"val_images": 9}, 16)
    assert (settings.batch_size, settings.max_images) == (32, None)


def test_options_win(save_run):
    save_run("plain", shapes={"val_images": 9})
    settings = data("--data.shapes", "{val_images: 5}", "--data.batch_size", "3", "--max_images", "2")
    assert (settings.shapes, settings.batch_size, settings.max_images) == ({"val_images": 5}, 3, 2)


def test_one_entry_of_an_option_keeps_the_others(save_run):
    save_run("plain", shapes={"val_images": 9, "size": 20})
    assert data("--data.shapes.val_images", "5").shapes == {"val_images": 5, "size": 20}
    assert data("--data.shapes.val_images=5").shapes == {"val_images": 5, "size": 20}
    assert data("--data.shapes", "{val_images: 5}").shapes == {"val_images": 5}


def test_split_of_a_training_is_kept_for_its_own_folder_only(save_run):
    save_run("plain", dataset="image_folder", root="pictures", shapes=None, val_fraction=0.3, val_root="held_out")
    assert (data().root, data().val_fraction, data().val_root) == ("pictures", 0.3, "held_out")
    other = data("--data.root", "others")
    assert (other.dataset, other.val_fraction, other.val_root) == ("image_folder", 1.0, None)
    assert data("--data.root", "others", "--data.val_fraction", "0.5").val_fraction == 0.5


def test_root_after_training_on_shapes_is_a_folder_of_images(save_run):
    save_run("plain")
    assert data("--data.root", "pictures").dataset == "image_folder"
    assert data("--data.root", "cifar", "--data.dataset", "CIFAR10").dataset == "CIFAR10"


def test_folder_is_evaluated_as_a_whole_without_a_checkpoint():
    settings = data("--models", "torchvision/resnet50", "--data.root", "pictures")
    assert (settings.dataset, settings.val_fraction, settings.image_size) == ("image_folder", 1.0, 224)
    assert settings.batch_size == 32


def test_the_ending_of_a_root_tells_tables_and_tar_files(save_run):
    for root, dataset in (("labels.csv", "csv"), ("val-{000..012}.tar", "webdataset"), ("pictures", "image_folder")):
        assert data("--models", "torchvision/resnet50", "--data.root", root).dataset == dataset
    save_run("plain", dataset="unlabelled", root="pictures", shapes=None)
    assert data("--data.root", "labels.csv").dataset == "unlabelled"  # a list of pictures may be one, too
    assert data("--data.root", "labels.csv", "--data.dataset", "csv").dataset == "csv"


def test_first_checkpoint_decides_where_the_reference_is_none(save_run):
    path = save_run("plain", shapes={"val_images": 9})
    assert data("--models", "new=tiny_resnet@none", str(path)).shapes == {"val_images": 9}


@pytest.fixture
def three_runs(save_run):
    """Two runs on shapes and, trained between them, one on CIFAR-10."""
    paths = [save_run("shapes"), save_run("cifar", dataset="CIFAR10", root="x")]
    paths.append(save_run("more", mitigations=["blurpool"]))
    for time, path in enumerate(paths):
        os.utime(path, (time, time))
    return paths


def test_of_trainings_on_different_data_the_newest_ones_are_compared(three_runs, caplog):
    caplog.set_level(logging.INFO, "pytorch_lightning")
    request = settle(parse([]))
    assert ([model.name for model in request.models], request.reference) == (["shapes", "more"], "shapes")
    assert caplog.messages == [
        "compared:    more, shapes, trained on shapes",
        "left out:    cifar, trained on CIFAR10 x (val_fraction 0.1); compare with: python evaluate.py --models "
        f"{three_runs[1]}",
    ]
    os.utime(three_runs[1], (9, 9))
    assert [model.name for model in settle(parse([])).models] == ["cifar"]
    assert settle(parse([])).settings.data.dataset == "CIFAR10"
    # A reference says what is meant.
    assert [model.name for model in settle(parse(["--reference", "more"])).models] == ["more", "shapes"]


def test_trainings_on_different_data_that_were_asked_for(three_runs):
    models = ["--models", *map(str, three_runs)]
    with pytest.raises(UserError, match="cifar was trained with data.dataset CIFAR10, the reference with shapes"):
        settle(parse(models))
    known = settle(parse(["--data.dataset", "CIFAR10", "--data.root", "x"]))
    assert (known.settings.data.dataset, [model.name for model in known.models]) == ("CIFAR10", ["cifar"])
    new = settle(parse(["--data.root", "elsewhere"]))
    assert (new.settings.data.root, len(new.models)) == ("elsewhere", 3)


def test_options_that_other_data_do_not_take_stay_with_the_training(save_run):
    save_run("plain", dataset="image_folder", root="pictures", shapes=None, class_map="map.csv", boxes="boxes")
    assert (data().class_map, data().boxes) == ("map.csv", "boxes")
    other = data("--data.dataset", "unlabelled", "--data.root", "photos")
    assert (other.class_map, other.boxes, other.val_fraction) == (None, None, 1.0)


def test_code_that_a_checkpoint_names_as_its_data_is_not_run_unasked(save_run):
    code = "python:os:system"
    save_run("plain", dataset={code: {"command": "touch ran"}}, shapes=None)
    with pytest.raises(
        UserError, match="the checkpoint.s data are the code python:os:system, which is run only if you"
    ):
        settle(parse([]))
    assert data("--data.dataset", "{python:mine:make: {size: 3}}").dataset == {"python:mine:make": {"size": 3}}
    assert data("--data.dataset", code).dataset == code
    assert not Path("ran").exists()


def test_setting_of_another_version_is_passed_over(save_run):
    import torch

    path = save_run("plain")
    content = torch.load(path)
    content["datamodule_hyper_parameters"]["abolished"] = 3
    torch.save(content, path)
    assert data().dataset == "shapes"


def test_the_size_of_inputs_is_the_user_s_or_nobody_s(save_run):
    """A recipe has a size of its own, which gives way to the user's but not to that of the data."""
    save_run("plain")
    assert settle(parse([])).image_size is None
    assert settle(parse(["--data.image_size", "48"])).image_size == 48
    assert settle(parse([])).settings.preprocessing == "recipe"
    with pytest.raises(SystemExit):
        parse(["--preprocessing", "recipes"])
