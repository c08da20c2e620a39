import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, PILToTensor, Resize
from torchvision.transforms.functional import to_pil_image

from lit_invariance.protocols import PreprocessingPipelines, generator_for
from lit_invariance.protocols.kernels import KERNELS

DRAW = generator_for(0, "preprocessing", 0)


def picture_of(height, width):
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("height", "width"), [(50, 71), (71, 50), (36, 36), (20, 33)])
def test_the_reference_is_torchvision_to_the_pixel(height, width):
    """32 * 8/7 is 36.57."""
    picture = picture_of(height, width)
    transform = Compose([Resize(36), CenterCrop(32), PILToTensor()])
    view = PreprocessingPipelines(size=32)(picture, DRAW)[0]
    assert torch.equal(view * 255, transform(to_pil_image(picture)).float())


@pytest.mark.parametrize(("width", "rounded", "floored"), [(36, 2, 2), (37, 2, 2), (39, 4, 3), (41, 4, 4), (43, 6, 5)])
def test_every_second_half_is_a_pixel_s_move(width, rounded, floored):
    """By hand, of pictures that need no resizing: the offset is half of width - 32, and 3.5 is rounded to 4."""
    picture = picture_of(36, width)
    protocol = PreprocessingPipelines(size=32)
    views = dict(zip(protocol.view_names, protocol(picture, DRAW), strict=False))
    for offset, left in (("round", rounded), ("floor", floored)):
        expected = picture[:, 2:34, left : left + 32].float() / 255
        for kernel in KERNELS:
            assert torch.equal(views[f"Pillow, {kernel}, {offset}"], expected)


def test_both_sides_lose_the_aspect_ratio():
    picture = picture_of(40, 90)
    protocol = PreprocessingPipelines(size=32, sides="both")
    views = dict(zip(protocol.view_names, protocol(picture, DRAW), strict=False))
    squashed = np.asarray(to_pil_image(picture).resize((36, 36), Image.Resampling.LANCZOS))[2:34, 2:34]
    assert np.array_equal((views["Pillow, Pillow lanczos, round"] * 255).permute(1, 2, 0).numpy(), squashed)


@pytest.mark.parametrize(
    ("options", "views"),
    [
        ({}, 66),
        ({"sides": "both"}, 33),  # 256 - 224
        ({"sides": "both", "size": 36}, 33),  # 41 - 36, whose half rounds down as well
        ({"sides": "both", "size": 50}, 66),  # 57 - 50
        ({"sides": "both", "size": (36, 50)}, 66),
        ({"decoders": []}, 22),
        ({"decoders": ["torchvision"]}, 44),
    ],
)
def test_views_that_would_be_one_are_shown_once(options, views):
    protocol = PreprocessingPipelines(**options)
    assert len(protocol.steps) == len(set(protocol.view_names)) == views
    assert protocol.view_names[0] == "Pillow, Pillow bilinear, round"


def test_the_file_is_decoded_by_each_decoder(tmp_path):
    """Pictures that differ tell who decoded what: the image given is not that in the file."""
    stored, given = picture_of(36, 39), torch.zeros(3, 36, 39, dtype=torch.uint8)
    to_pil_image(stored).save(tmp_path / "a.png")
    protocol = PreprocessingPipelines(size=32).of_file(str(tmp_path / "a.png"))
    views = protocol(given, DRAW)
    assert len(views) == len(protocol.shown(36, 39)) == 66
    assert not views[:22].any()
    expected = [stored[:, 2:34, left : left + 32].float() / 255 for left in (4, 3)]
    for number, view in enumerate(views[22:]):
        assert torch.equal(view, expected[number % 2])


def test_without_a_file_there_are_the_views_of_pillow():
    protocol = PreprocessingPipelines(size=32)
    assert len(protocol.shown(36, 39)) == len(protocol(picture_of(36, 39), DRAW)) == 22
    assert [len(part) for part in protocol.parts(picture_of(36, 39), DRAW, 9)] == [9, 9, 4]
    assert protocol.of_file(None) == protocol


def test_a_format_that_a_decoder_does_not_have_ends_the_pipelines_before_it(tmp_path):
    stored = picture_of(36, 39)
    to_pil_image(stored).save(tmp_path / "a.ppm")
    protocol = PreprocessingPipelines(size=32).of_file(str(tmp_path / "a.ppm"))
    views = protocol(torch.zeros_like(stored), DRAW)
    assert len(protocol.shown(36, 39)) == len(views) == 44  # torchvision has no PPM
    assert torch.equal(views[22] * 255, stored[:, 2:34, 4:36].float())


def test_a_file_that_one_decoder_cannot_read_says_how_to_go_on(tmp_path):
    """Pillow has read it: it was damaged since."""
    to_pil_image(picture_of(36, 39)).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:40])
    protocol = PreprocessingPipelines(size=32, decoders=["torchvision"]).of_file(str(tmp_path / "a.png"))
    with pytest.raises(ValueError, match=r"torchvision cannot decode it; leave it out .*decoders: \[\]"):
        protocol(picture_of(36, 39), DRAW)
