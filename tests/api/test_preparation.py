import pytest
import timm
import torch
import torchvision
from timm.data import resolve_data_config
from torch import nn
from torchvision.transforms import v2

from lit_invariance.api.preparation import find_preprocessing
from lit_invariance.errors import UserError
from lit_invariance.evaluation.own_network import OwnNetwork
from lit_invariance.mitigations import ShiftAverage

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


def seen(given, network=None):
    """What a network is shown of a picture."""
    network = nn.Flatten() if network is None else network
    preprocessing, prepare = find_preprocessing("a", network, given)
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    shown = []
    own = OwnNetwork(lambda inputs: shown.append(inputs) or inputs.flatten(1), preprocessing, prepare)
    own(images)
    return images, shown[0], preprocessing


@pytest.mark.parametrize(
    "given",
    [
        (MEAN, STD),
        [list(MEAN), torch.tensor(STD)],
        v2.Normalize(MEAN, STD),
        lambda images: torchvision.transforms.functional.normalize(images, MEAN, STD),
        v2.Compose([v2.Normalize(MEAN, STD)]),
        {"mean": MEAN, "std": STD},
    ],
)
def test_pictures_are_normalised(given):
    images, inputs, _ = seen(given)
    torch.testing.assert_close(inputs, torchvision.transforms.functional.normalize(images, MEAN, STD))


def test_without_anything_the_network_sees_pictures():
    images, inputs, preprocessing = seen(None)
    assert torch.equal(inputs, images)
    assert preprocessing.recipe is None


def test_torchvision_s_transforms():
    preset = torchvision.models.Inception_V3_Weights.IMAGENET1K_V1.transforms()
    images, inputs, preprocessing = seen(preset)
    assert (preprocessing.size, preprocessing.crop_pct, preprocessing.interpolation) == (299, 299 / 342, "bilinear")
    torch.testing.assert_close(inputs, torchvision.transforms.functional.normalize(images, preset.mean, preset.std))


def test_timm_s_configuration():
    network = timm.create_model("test_vit")
    configuration = resolve_data_config({}, model=network)
    _, inputs, preprocessing = seen(configuration)
    assert (preprocessing.size, preprocessing.crop_pct) == (160, configuration["crop_pct"])
    assert preprocessing.interpolation == configuration["interpolation"]
    # A bare network of timm carries its configuration.
    _, same, usual = seen(None, network)
    torch.testing.assert_close(same, inputs)
    assert usual == preprocessing


@pytest.mark.parametrize("wrap", [lambda network: network, lambda network: ShiftAverage(network)])
def test_a_bare_network_of_torchvision_is_told_to_be_normalised(wrap, caplog):
    network = wrap(torchvision.models.resnet18(num_classes=3))
    with caplog.at_level("INFO", "pytorch_lightning"):
        images, inputs, _ = seen(None, network)
    preset = torchvision.models.ResNet18_Weights.DEFAULT.transforms()
    torch.testing.assert_close(inputs, torchvision.transforms.functional.normalize(images, preset.mean, preset.std))
    assert "a: pictures are normalised with mean (0.485, 0.456, 0.406)" in caplog.text
    # Inside another module it is the module's business.
    assert torch.equal(*seen(None, nn.Sequential(network))[:2])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("imagenet", "preprocessing is 'imagenet'; give"),
        ((0.5, 0.5), "mean 0.5; give one number for each of 3 channels"),
        (((0.5,) * 3, (0.5, 0.5)), r"std \(0.5, 0.5\); give one number"),
        (((0.5,) * 3, (0.5, 0.5, 0)), r"std \(0.5, 0.5, 0.0\); each value must be above 0"),
        (v2.Compose([v2.Resize(8), v2.Normalize(MEAN, STD)]), "holds Resize, but views are"),
        ({"mean": MEAN, "std": STD, "interpolation": "nearest"}, "resizes with nearest; views can be made with"),
        (
            {"mean": MEAN, "std": STD, "crop_size": (224, 299), "resize_size": 256},
            "to 256 x 256 pixels and crops 299 x 224",
        ),
        ({"mean": MEAN, "std": (0.5,)}, "give one of each for every channel"),
    ],
)
def test_refused(given, message):
    with pytest.raises(UserError, match=message):
        seen(given)
