import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
import yaml
from PIL import Image

from lit_invariance.cli.configs import config_folder, find_config
from lit_invariance.cli.train import train
from lit_invariance.errors import UserError

CONFIGS = sorted(path.name for path in config_folder().glob("*.yaml"))
FAMILIES = {"resnet50", "vgg16", "mobilenet_v2", "cifar10"}
# InceptionResNetV2 needs 75 px; the others run at 64, and CIFAR and shapes at their own size.
SIZES = {"inception_resnet_v2.yaml": 96}
SHORT = ["--trainer.fast_dev_run", "2", "--trainer.accelerator", "cpu", "--trainer.precision", "32-true"]
SHORT += ["--data.batch_size", "2", "--data.num_workers", "0", "--trainer.enable_progress_bar", "false"]
SHORT += ["--model.weights", "null", "--trainer.enable_model_summary", "false"]


@pytest.fixture(scope="session")
def imagenet(tmp_path_factory):
    """Train and val folders named by ImageNet synsets."""
    root = tmp_path_factory.mktemp("imagenet")
    pixels = np.random.default_rng(0)
    for split in ("train", "val"):
        for synset in ("n01440764", "n02980441"):
            (root / split / synset).mkdir(parents=True)
            for number in range(3):
                picture = pixels.integers(0, 256, (80, 100, 3), dtype=np.uint8)
                Image.fromarray(picture).save(root / split / synset / f"{number}.JPEG")
    return root


@pytest.fixture(scope="session")
def teacher(tmp_path_factory):
    """Weights for the configs that distil: they must have some."""
    path = tmp_path_factory.mktemp("teacher") / "mobilenet_v2.pth"
    torch.save(torchvision.models.mobilenet_v2().state_dict(), path)
    return str(path)


# tests/fixing runs fix.yaml; of VGG16, which takes gigabytes, the arm with both mitigations stands for all.
ELSEWHERE = {"fix.yaml", "vgg16.yaml", "aug_vgg16.yaml", "aa_vgg16.yaml"}


@pytest.mark.parametrize("config", sorted({*CONFIGS} - ELSEWHERE))
def test_runs_through_the_real_command(config, in_folder, imagenet, write_cifar10, teacher):
    write_cifar10(in_folder)
    options = yaml.safe_load((config_folder() / config).read_text())
    data = options["data"]["dataset"]
    extra = {
        "image_folder": ["--data.root", str(imagenet), "--data.image_size", str(SIZES.get(config, 64))],
        "CIFAR10": ["--data.root", str(in_folder)],
        "shapes": ["--data.shapes", "{train_images: 8, val_images: 4}"],
    }[data]
    if config.startswith("distil_"):
        extra += ["--model.weights", teacher]
    cli = train(["--config", config, *SHORT, *extra])
    assert cli.config["name"] == config.removesuffix(".yaml")
    assert cli.trainer.global_step == 2
    assert {"val/acc", "val/top1_change", "val/mean_absolute_change"} <= set(cli.trainer.callback_metrics)
    assert torch.isfinite(cli.trainer.callback_metrics["train/loss"])
    assert bool(cli.model.mitigated.changes) == config.startswith(("aa_", "aug_aa_", "distil_"))
    assert not list(in_folder.glob("checkpoints/**/*.ckpt"))


def test_heads_say_what_a_reader_needs():
    for config in CONFIGS:
        head = [line for line in (config_folder() / config).read_text().splitlines() if line.startswith("#")]
        for word in ("Run:", "Hardware:", "Expected:"):
            assert any(word in line for line in head), (config, word)
        assert any(f"--config {config}" in line for line in head), config


def test_families_differ_in_their_mitigation_only():
    for family in FAMILIES:
        arms = {
            arm: yaml.safe_load((config_folder() / f"{arm}{family}.yaml").read_text())
            for arm in ("", "aug_", "aa_", "aug_aa_")
        }
        assert [bool(arm["model"].pop("mitigations")) for arm in arms.values()] == [False, False, True, True]
        assert [bool(arm["data"].pop("translation")) for arm in arms.values()] == [False, True, False, True]
        assert all(arm == arms[""] for arm in arms.values()), family


def test_names_are_found_from_any_directory(in_folder):
    expected = str(config_folder() / "aa_resnet50.yaml")
    assert find_config("aa_resnet50.yaml") == find_config("aa_resnet50") == expected
    shutil.copy(expected, "mine.yaml")
    assert find_config("mine.yaml") == "mine.yaml"


def test_a_miss_names_the_nearest():
    with pytest.raises(UserError, match=r"unknown config 'aa_resnet5'; did you mean .*aa_resnet50\.yaml"):
        find_config("aa_resnet5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [*a]", "config mine.yaml contains itself"),
        ("- 1", "config mine.yaml is not a mapping"),
        ("a: [", "config mine.yaml is not valid YAML"),
    ],
)
def test_a_hostile_config_is_refused_before_it_is_read(in_folder, text, message):
    Path("mine.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        train(["--config", "mine.yaml"])


def test_a_config_given_as_text(in_folder):
    with pytest.raises(UserError, match="the config given as text has 'lr' twice"):
        train(["--config", "model: {lr: 1, lr: 2}"])
    with pytest.raises(UserError, match="unknown config"):
        find_config("a" * 5000)
