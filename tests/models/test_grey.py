import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import lit_invariance as li
from lit_invariance.cli.train import train
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.images import to_rgb
from lit_invariance.errors import UserError
from lit_invariance.evaluation.geometry import Geometry
from lit_invariance.evaluation.model_sources import ModelSource
from lit_invariance.evaluation.models import load_models
from lit_invariance.models.backbones import create_backbone
from lit_invariance.models.grey import as_channels, first_convolution
from lit_invariance.protocols import Crop, generator_for
from lit_invariance.training.checkpoint import load_checkpoint
from lit_invariance.training.classifier import LitClassifier
from tests.cli.test_train import TINY


def coloured(height=30, width=20, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_pictures_are_made_grey_as_pillow_does():
    picture = coloured()
    grey = as_channels(to_rgb(picture).float(), 1)
    assert (grey - torch.from_numpy(np.array(picture.convert("L"))).float()).abs().max() <= 0.51
    again = to_rgb(picture.convert("L")).float()
    torch.testing.assert_close(as_channels(again, 1), again[:1])
    assert as_channels(again, 3) is again


@pytest.mark.parametrize("name", ["tiny_resnet", "torchvision/squeezenet1_1", "timm/resnet10t"])
def test_a_network_of_one_channel_answers_as_the_old_one_did_a_grey_picture(name):
    torch.manual_seed(0)
    old = create_backbone(name, None, 10).network.eval()
    torch.manual_seed(0)
    made = create_backbone(name, None, 10, (64, 96), channels=1)
    grey = torch.rand(2, 1, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(made.network.eval()(grey), old(grey.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4)
    assert len(made.preprocessing.mean) == len(made.preprocessing.std) == 1
    assert made.preprocessing.mean[0] == pytest.approx((0.485 + 0.456 + 0.406) / 3)


def test_weights_of_three_channels_and_of_one(tmp_path):
    torch.manual_seed(1)
    coloured_network = create_backbone("tiny_resnet", None, 10).network
    torch.save(coloured_network.state_dict(), tmp_path / "three.pth")
    from_three = create_backbone("tiny_resnet", str(tmp_path / "three.pth"), 10, 32, channels=1).network
    torch.testing.assert_close(from_three.conv1.weight, coloured_network.conv1.weight.sum(1, keepdim=True))
    torch.save(from_three.state_dict(), tmp_path / "one.pth")
    from_one = create_backbone("tiny_resnet", str(tmp_path / "one.pth"), 10, 32, channels=1).network
    assert all(torch.equal(one, two) for one, two in zip(from_one.parameters(), from_three.parameters(), strict=True))


def test_what_cannot_have_one_channel_says_so():
    with pytest.raises(UserError, match="model.channels is 2; it is 3, or 1 for a network of grey pictures"):
        LitClassifier("tiny_resnet", num_classes=10, image_size=32, channels=2)
    with pytest.raises(UserError, match="cannot be given one channel, because its first layer is no convolution"):
        first_convolution(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), "mine")


def test_a_training_on_inputs_that_are_not_square_with_one_channel(in_folder):
    """From the command line to a checkpoint that is evaluated as it was validated."""
    options = ["--data.image_size", "[48, 24]", "--model.channels", "1", "--model.mitigations", "[blurpool]"]
    translation = "{kind: any_of, of: [{kind: crop}, {kind: pad}, {kind: affine}]}"
    cli = train([*TINY, *options, "--trainer.max_epochs", "1", "--data.translation", translation])
    batch = next(iter(InvarianceData(**cli.datamodule.hparams).train_dataloader()))
    assert batch["image"].shape == (16, 3, 48, 24)
    restored = load_checkpoint("checkpoints/shapes/last.ckpt")
    assert (restored.image_size, restored.backbone.conv1.in_channels, len(restored.mean)) == ((48, 24), 1, 1)
    source = ModelSource("mine", "checkpoints/shapes/last.ckpt", checkpoint="checkpoints/shapes/last.ckpt")
    (model,) = load_models([source], 10, Geometry(), seed=0)
    assert model.describe()["image_size"] == [48, 24]
    results = li.evaluate({"mine": "checkpoints/shapes/last.ckpt"}, cli.datamodule, ["centre_crop"], progress=False)
    (accuracy,) = [row["mean"] for row in results.content["rows"] if row["score"] == "accuracy"]
    assert accuracy == pytest.approx(float(cli.trainer.callback_metrics["val/acc"]))


class OneChannel(nn.Module):
    """For grey pictures of 24 x 16 pixels alone."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(24 * 16, 3, generator=generator))

    def forward(self, images):
        assert images.shape[1:] == (1, 24, 16)
        return images.flatten(1) @ self.weight


def test_a_network_of_the_user_s_own_and_grey_tensors(in_folder):
    """Witness: decode, make the views, make them grey, normalise and classify, image by image."""
    network = OneChannel()
    pictures = [(coloured(40, 30, number), number % 3) for number in range(6)]
    quick = {"image_size": (24, 16), "progress": False, "cost": True, "accelerator": "cpu"}
    results = li.evaluate({"mine": network}, pictures, ["crop"], preprocessing=((0.4,), (0.2,)), seed=3, **quick)
    for index, (picture, _) in enumerate(pictures):
        red, green, blue = Crop(size=(24, 16))(to_rgb(picture), generator_for(3, "crop", index)).unbind(1)
        grey = (0.299 * red + 0.587 * green + 0.114 * blue)[:, None]
        first, second = network((grey - 0.4) / 0.2).argmax(-1)
        assert results.outcomes.columns["mine", "crop", "top1_change"][index] == float(first != second)
    assert results.content["models"][0]["image_size"] == [24, 16]
    results.save("out")
    assert "the geometry for all (crop 16 x 24, bilinear)" in (in_folder / "out" / "report.html").read_text()
    tensors = [(torch.from_numpy(np.array(picture.convert("L")))[None], label) for picture, label in pictures]
    grey = li.evaluate({"mine": network}, tensors, ["crop"], preprocessing=((0.4,), (0.2,)), **quick)
    whole = [(picture.convert("L"), label) for picture, label in pictures]
    same = li.evaluate({"mine": network}, whole, ["crop"], preprocessing=((0.4,), (0.2,)), **quick)
    for score in ("accuracy", "mean_absolute_change"):
        one, two = (found.outcomes.columns["mine", "crop", score] for found in (grey, same))
        assert one == pytest.approx(two, abs=1e-6)
