import numpy as np
import pytest
import torch
from PIL import Image

from lit_invariance.errors import UserError
from lit_invariance.models.hf_recipe import recipe_of

transformers = pytest.importorskip("transformers")
SHADES = {"image_mean": [120.0] * 3, "image_std": [60.0] * 3}
SQUARE, SHORT = {"height": 48, "width": 48}, {"shortest_edge": 56}
# Each resizes and cuts in a way of its own; 3 is bicubic, 2 bilinear.
PROCESSORS = {
    "squash": ("ViTImageProcessor", {"size": SQUARE, "resample": 2}),
    "squash and cut": ("DeiTImageProcessor", {"size": {"height": 56, "width": 56}, "crop_size": SQUARE, "resample": 3}),
    "short side and cut": ("MobileNetV2ImageProcessor", {"size": SHORT, "crop_size": SQUARE, "resample": 2}),
    "convnext": ("ConvNextImageProcessor", {"size": {"shortest_edge": 48}, "crop_pct": 0.875, "resample": 3}),
    "convnext, large": ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}, "resample": 3}),
    "levit": ("LevitImageProcessor", {"size": {"shortest_edge": 48}, "crop_size": SQUARE, "resample": 3}),
    "poolformer": ("PoolFormerImageProcessor", {"size": {"shortest_edge": 48}, "crop_size": SQUARE, "crop_pct": 0.9}),
    "twice divided": ("EfficientNetImageProcessor", {"size": SQUARE, "resample": 2}),
    "not normalised": ("ViTImageProcessor", {"size": SQUARE, "do_normalize": False}),
    "not rescaled": (
        "ViTImageProcessor",
        {"size": SQUARE, "do_rescale": False, "image_mean": [120.0] * 3, "image_std": [60.0] * 3},
    ),
}


@pytest.mark.parametrize("case", PROCESSORS)
def test_the_standard_view_is_what_the_processor_makes(case):
    """On the picture itself: a smooth one, because the two resize with other rounding."""
    kind, options = PROCESSORS[case]
    processor = getattr(transformers, kind)(**options)
    rows, columns = np.mgrid[0:75, 0:97]
    waves = [127 + 120 * np.sin(rows / 9 + phase) * np.cos(columns / 11 - phase) for phase in (0.0, 1.0, 2.0)]
    picture = np.stack(waves, -1).round().astype(np.uint8)
    expected = processor(Image.fromarray(picture), return_tensors="pt")["pixel_values"][0]
    read = recipe_of(processor, "hf net")
    view = read.protocol("centre_crop").standard_picture(torch.from_numpy(picture).permute(2, 0, 1))
    mean, std = (torch.tensor(values)[:, None, None] for values in read.scale)
    made = (view - mean) / std
    assert made.shape == expected.shape
    difference = (made - expected).abs() * std  # in shades of [0, 1]
    assert difference.mean() < 1.5 / 255
    assert difference[:, 2:-2, 2:-2].max() < 4 / 255


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("ViTImageProcessor", {"size": {"height": 48, "width": 64}}, "resizes in a way that is not handled"),
        ("ViTImageProcessor", {"size": SQUARE, "resample": 0}, "resample .*; let a function of your own return"),
        ("MobileViTImageProcessor", {"size": SHORT}, "does do_flip_channel_order, which is not handled"),
    ],
)
def test_what_views_cannot_be_made_with_is_refused(kind, options, message):
    with pytest.raises(UserError, match=message):
        recipe_of(getattr(transformers, kind)(**options), "hf net")
