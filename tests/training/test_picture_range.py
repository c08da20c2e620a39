import pytest
import torch
from torchvision.transforms.v2 import Normalize

import lit_invariance as li
from lit_invariance.training.picture_range import PictureRange


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    return li.LitClassifier("tiny_resnet", num_classes=3, image_size=32)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("spoil", [Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), lambda image: image * 255])
def test_normalised_pictures_are_refused_with_the_fix(classifier, spoil, training):
    pictures = torch.rand(2, 3, 32, 32)
    classifier.train(training)
    with pytest.raises(li.UserError, match="with values from .* it takes uint8 or floats in .* leave Normalize out"):
        classifier(spoil(pictures))
    assert classifier(pictures).shape == (2, 3)


def test_only_the_first_floats_are_looked_at(monkeypatch):
    looks = []
    whole = torch.Tensor.aminmax
    monkeypatch.setattr(torch.Tensor, "aminmax", lambda self: looks.append(len(self)) or whole(self))
    seen = PictureRange()
    for images in (torch.zeros(1, 3, 2, 2, dtype=torch.uint8), torch.rand(2, 3, 2, 2), torch.rand(4, 3, 2, 2) * 9):
        seen.see(images)
    assert looks == [2]


def test_the_class_still_exports(classifier):
    """The look at the values is no part of a traced program."""
    with torch.no_grad():
        program = torch.export.export(classifier.eval(), (torch.rand(2, 3, 32, 32),))
        pictures = torch.rand(2, 3, 32, 32)
        torch.testing.assert_close(program.module()(pictures), classifier(pictures))
