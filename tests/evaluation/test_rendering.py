import pytest
import torch

from lit_invariance.data.batch import Positioned
from lit_invariance.data.labelled_pictures import LabelledPictures
from lit_invariance.errors import UserError
from lit_invariance.evaluation import rendering
from lit_invariance.evaluation.plan import Task
from lit_invariance.evaluation.rendering import Renderer
from lit_invariance.protocols import Crop, CropAgreement, EmbedInpaint
from lit_invariance.protocols.placed import Placed

SIDES = [(60, 80), (64, 50), (121, 75)]


class Names(Positioned):
    def __init__(self):
        super().__init__(LabelledPictures([]))

    def name(self, index):
        return f"{index}.png"


def numbered(first=0):
    generator = torch.Generator().manual_seed(0)
    images = [torch.randint(0, 256, (3, *side), dtype=torch.uint8, generator=generator) for side in SIDES]
    return [(image, first + index) for index, image in enumerate(images)]


@pytest.fixture
def renderer():
    return Renderer(Names(), 0)


@pytest.fixture
def accelerator(monkeypatch):
    """What an accelerator does, on the CPU."""
    monkeypatch.setattr(rendering, "_on_accelerator", lambda numbered: True)


def one_by_one(renderer, task, images, draw):
    return torch.cat([part for image, index in images for part in renderer.views(task, image, index, None, draw)])


@pytest.mark.parametrize("protocol", [Crop(size=32), EmbedInpaint(size=32)])
def test_an_accelerator_makes_the_same_views_in_fewer_launches(protocol, renderer, accelerator):
    task, images = Task("label", protocol, ()), numbered(5)
    for draw in (0, 1):
        made = list(renderer.several(task, images, dict.fromkeys(range(5, 8)), draw))
        assert len(made) == 1
        torch.testing.assert_close(made[0], one_by_one(renderer, task, images, draw), rtol=0, atol=1e-5)


def test_an_image_that_is_too_small_is_named(renderer, accelerator):
    task, images = Task("crop", Crop(size=32), ()), [*numbered()[:2], (torch.zeros(3, 1, 1, dtype=torch.uint8), 2)]
    with pytest.raises(UserError, match=r"protocol crop cannot show 2\.png"):
        list(renderer.several(task, images, dict.fromkeys(range(3))))


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), torch.OutOfMemoryError("CUDA out of memory.")])
def test_what_does_not_fit_together_is_made_one_by_one(error, renderer, accelerator, monkeypatch):
    def fail(*_):
        raise error

    task, images = Task("crop", CropAgreement(size=32), ()), numbered()
    expected = one_by_one(renderer, task, images, 0)
    monkeypatch.setattr(Placed, "together", fail)
    if isinstance(error, torch.OutOfMemoryError):
        assert torch.equal(torch.cat(list(renderer.several(task, images, dict.fromkeys(range(3))))), expected)
        assert not renderer.together  # it is not tried again
    else:
        with pytest.raises(RuntimeError, match="out of memory"):
            list(renderer.several(task, images, dict.fromkeys(range(3))))
