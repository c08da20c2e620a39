import re

import pytest
import torch
from PIL import Image

from lit_invariance.data.labelled_pictures import LabelledPictures
from lit_invariance.errors import UserError


def test_pictures_of_any_mode_and_bytes():
    blue = torch.tensor([0, 0, 255], dtype=torch.uint8)[:, None, None].expand(3, 4, 5)
    grey, transparent = Image.new("L", (5, 4), 9), Image.new("RGBA", (5, 4), (200, 0, 0, 0))
    pictures = LabelledPictures([(blue, torch.tensor(3)), (grey, 1, "name"), [transparent, 2]])
    assert len(pictures) == 3
    assert [label for _, label in (pictures[0], pictures[1], pictures[2])] == [3, 1, 2]
    assert torch.equal(pictures[0][0], blue)
    assert torch.equal(pictures[1][0], torch.full((3, 4, 5), 9, dtype=torch.uint8))
    assert not pictures[2][0].any()


def test_floats_from_0_to_1_stay_floats():
    picture = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(LabelledPictures([(picture, 1)])[0][0], picture)


@pytest.mark.parametrize(
    ("item", "what"),
    [
        ((torch.full((3, 4, 5), 1.5), 1), "holds a tensor of values from 1.5 to 1.5"),
        ((torch.zeros(4, 5, dtype=torch.uint8), 1), "holds a tensor of shape (4, 5)"),
        (7, "is int"),
        (("a", 1), "holds str"),
        ((Image.new("L", (5, 4)), "cat"), "has the label str"),
    ],
)
def test_anything_else_is_one_sentence(item, what):
    with pytest.raises(UserError, match=re.escape(f"item 0 of list {what}, not a pair of PIL image or tensor")):
        LabelledPictures([item])[0]


def test_a_stream_has_no_positions():
    with pytest.raises(UserError, match="generator is not a data set with a length and positions"):
        LabelledPictures(item for item in ())
