import subprocess
import sys

import pytest
import torch

from lit_invariance.protocols import PROTOCOLS, generator_for, views_of

# These show the same views for every image's seed, `released_script` as long as its share is 1; and an ideal shift
# overshoots, as its docstring states.
UNDRAWN = {
    "centre_crop",
    "diagonal",
    "shift_grid",
    "rings",
    "crop_fractional",
    "imagenet_p_translate",
    "imagenet_p_scale",
    "sweep_inpaint",
    "sweep_crop",
    "size_sweep",
    "scale_sweep",
    "zero_fill",
    "object_scale",
    "preprocessing",
    "released_script",
}
INPAINTED = {"embed_inpaint", "sweep_inpaint", "size_sweep", "scale_sweep", "object_scale"}
UNRESIZED = {"sweep_crop", "preprocessing"}  # the second always works on 256 levels
CHANGED_AFTER_RESIZING = INPAINTED | {"circular_fractional", "crop_fractional", "imagenet_p_scale", "released_script"}
OVERSHOOTING = {"circular_fractional"}

PICTURE = torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(0))


def box_of(name):
    return (30.0, 20.0, 50.0, 40.0) if PROTOCOLS[name].needs_boxes else None


@pytest.mark.parametrize("name", PROTOCOLS)
def test_shape_range_steps_and_determinism(name):
    protocol = PROTOCOLS[name](size=32)
    views = protocol(PICTURE, generator_for(0, name, 5), box_of(name))
    shown = protocol.shown(60, 80, box_of(name))
    assert views.shape == (len(shown), 3, 32, 32)
    assert len(shown) == len(protocol.steps) or name == "preprocessing"  # which would need the picture's file
    assert protocol.view_names is None or len(protocol.view_names) == len(protocol.steps)
    assert views.dtype == torch.float32
    if name not in OVERSHOOTING:
        assert views.min() >= 0
        assert views.max() <= 1
    assert torch.equal(views, protocol(PICTURE, generator_for(0, name, 5), box_of(name)))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_parts_hold_no_more_than_asked_and_are_the_whole(name):
    protocol = PROTOCOLS[name](size=32)
    whole = protocol(PICTURE, generator_for(0, name, 5), box_of(name))
    for most in (1, 4):
        parts = list(protocol.parts(PICTURE, generator_for(0, name, 5), most, box_of(name)))
        assert max(len(part) for part in parts) <= most
        # What lies around a picture is filled for several views in one matrix product, equal but for rounding.
        torch.testing.assert_close(torch.cat(parts), whole, atol=1e-6 if name in INPAINTED else 0, rtol=0)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_bytes_are_as_good_as_floats(name):
    protocol, bytes_ = PROTOCOLS[name](size=32), (PICTURE * 255).to(torch.uint8)
    views = protocol(bytes_, generator_for(0, name, 5), box_of(name))
    torch.testing.assert_close(
        views, protocol(bytes_ / 255, generator_for(0, name, 5), box_of(name)), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("name", PROTOCOLS)
def test_views_do_not_depend_on_the_default_precision(name):
    """A Trainer in bf16-true changes the default type while a step runs."""
    protocol = PROTOCOLS[name](size=32)
    expected = protocol(PICTURE, generator_for(0, name, 5), box_of(name))
    torch.set_default_dtype(torch.bfloat16)
    try:
        views = protocol(PICTURE, generator_for(0, name, 5), box_of(name))
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(views, expected)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_rounding_moves_resized_pixels_to_the_next_of_256_levels(name):
    plain, rounded = (PROTOCOLS[name](size=32, rounding=rounding) for rounding in ("float", "uint8"))
    views, levels = (protocol(PICTURE, generator_for(0, name, 5), box_of(name)) for protocol in (plain, rounded))
    difference = (views - levels).abs().max() * 255
    assert difference == 0 if name in UNRESIZED else 0 < difference < 8
    if name not in UNRESIZED | CHANGED_AFTER_RESIZING:
        torch.testing.assert_close((levels * 255).round() / 255, levels)
        assert difference < 1.5  # half a level after each of the two steps, of which the second averages the first's


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", PROTOCOLS)
def test_views_are_the_same_on_a_gpu(name):
    protocol = PROTOCOLS[name](size=32)
    views = protocol(PICTURE.cuda(), generator_for(0, name, 5), box_of(name))
    assert views.is_cuda
    torch.testing.assert_close(
        views.cpu(), protocol(PICTURE, generator_for(0, name, 5), box_of(name)), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("name", PROTOCOLS)
def test_other_seeds_and_images_draw_otherwise(name):
    protocol = PROTOCOLS[name](size=32)
    generators = [generator_for(0, name, 0), generator_for(1, name, 0), generator_for(0, name, 1)]
    draws = {protocol(PICTURE, generator, box_of(name)).numpy().tobytes() for generator in generators}
    assert len(draws) == (1 if name in UNDRAWN else 3)


def test_other_protocols_draw_otherwise():
    assert generator_for(0, "crop", 0).initial_seed() != generator_for(0, "embed_black", 0).initial_seed()


def test_draws_do_not_depend_on_the_batch():
    protocol = PROTOCOLS["crop"](size=16)
    pictures = [PICTURE, PICTURE[:, :40], PICTURE[:, :, :50]]
    indices = torch.tensor([7, 8, 9])
    together = views_of(protocol, pictures, indices, seed=3)
    for row in range(3):
        alone = views_of(protocol, [pictures[row]], indices[row : row + 1], seed=3)
        assert torch.equal(together[row], alone[0])


def test_an_image_that_is_too_small_is_named_by_its_index():
    with pytest.raises(ValueError, match="image 4: .*1 x 1"):
        views_of(PROTOCOLS["crop"](size=16), [torch.zeros(3, 1, 1)], torch.tensor([4]), seed=0)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("crop", {"area": (0.5, 0.2)}, "area is a pair"),
        ("crop", {"shift_in": "target"}, "shift_in is one of source, network"),
        ("embed_black", {"min_side": 224}, "min_side"),
        ("embed_black", {"location": "left"}, "location is one of random, centre"),
        ("embed_black", {"direction": "up"}, "direction is one of diagonal, vertical, horizontal"),
        ("scale_black", {"background": "white"}, "background is one of black, mean"),
        ("sweep_inpaint", {"height": 223}, "height is at least 1 and leaves two places"),
        ("sweep_inpaint", {"background": "inpainted"}, "background is one of black, mean, inpaint, inpaint_original"),
        ("sweep_crop", {"reach": 0}, "reach is at least 1"),
        ("size_sweep", {"sides": (60, 50)}, "sides are two or more increasing"),
        ("size_sweep", {"sides": (60, 225)}, "at most the canvas of 224"),
        ("size_sweep", {"held": "height"}, "held is one of longer, shorter"),
        ("scale_sweep", {"scales": (0.5, 0.5)}, "no two sizes"),
        ("scale_sweep", {"scales": (0.5, 1.5)}, "scales is a pair"),
        ("scale_sweep", {"location": "random"}, "location is one of corner, centre"),
        ("object_scale", {"scales": (1.0, 0.7)}, "scales are two or more increasing"),
        ("object_scale", {"scales": (1.0,)}, "scales are two or more increasing"),
        ("object_scale", {"scales": (0, 1)}, "increasing numbers above 0"),
        ("preprocessing", {"sides": "long"}, "sides is one of short, both"),
        ("preprocessing", {"decoders": ["Pillow"]}, "each of decoders is one of OpenCV, torchvision, not 'Pillow'"),
        ("crop", {"interpolation": "nearest"}, "interpolation is one of"),
        ("crop", {"rounding": "uint16"}, "rounding is one of float, uint8"),
        ("centre_crop", {"crop_pct": 0}, "crop_pct is a share greater than 0"),
        ("circular", {"crop_mode": "middle"}, "crop_mode is one of center, squash, border"),
        ("crop", {"size": 1}, "size is at least 2"),
        ("circular", {"m": 0}, "m is a whole number of at least 1, not 0"),
        ("circular_fractional", {"m": 0.5}, "m is a whole number of at least 1, not 0.5"),
        ("circular_fractional", {"shift": "cubic"}, "shift is one of ideal, bilinear"),
        ("shift_grid", {"m": "16"}, "m is a whole number of at least 1, not '16'"),
        ("rings", {"m": 0}, "m is a whole number of at least 1, not 0"),
        ("rings", {"border": "black"}, "border is one of crop, cyclic"),
        ("rings", {"upsample": 2}, "upsample needs border: cyclic"),
        ("rings", {"border": "cyclic", "upsample": 0.5}, "upsample is a whole number"),
        ("crop_fractional", {"m": 1.5}, "m is a whole number"),
        ("imagenet_p_translate", {"m": 0}, "m is a whole number"),
        ("zero_fill", {"direction": "up"}, "direction is one of diagonal, vertical, horizontal"),
        ("zero_fill", {"background": "white"}, "background is one of black, mean"),
        ("released_script", {"share": 0}, "share is greater than 0"),
        ("released_script", {"share": 1.3, "size": 8}, "leaves no picture on a canvas of 8 px"),
        ("released_script", {"square": "pad"}, "square is one of squeeze, centre"),
    ],
)
def test_wrong_options_are_told(name, options, message):
    with pytest.raises(ValueError, match=message):
        PROTOCOLS[name](**options)


def test_metrics_and_protocols_know_nothing_of_the_rest():
    code = (
        "import sys, lit_invariance.metrics, lit_invariance.protocols;"
        "print([m for m in sys.modules if m.startswith('lit_invariance.')"
        " and m.split('.')[1] not in ('metrics', 'protocols')])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
