import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from timm.data import create_transform, resolve_data_config
from torchvision.transforms import v2

from lit_invariance.errors import UserError
from lit_invariance.models.backbones import create_backbone, preprocessing_of
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols import EmbedBlack, generator_for
from lit_invariance.protocols.standard import resize_length

DRAW = generator_for(0, "centre_crop", 0)
SIZES = [(375, 500), (500, 333), (227, 227), (200, 701), (97, 60)]


def picture(width: int, height: int) -> Image.Image:
    """A smooth picture with noise on it, so that a pixel's displacement shows."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = 127 + 60 * np.sin(rows / 9)[..., None] + 60 * np.cos(columns / 7)[..., None] * np.array([1, -1, 0.5])
    noise = np.random.default_rng(0).normal(0, 8, (height, width, 3))
    return Image.fromarray((waves + noise).clip(0, 255).astype(np.uint8))


def shown(preprocessing: Preprocessing, image: Image.Image) -> torch.Tensor:
    (view,) = preprocessing.protocol("centre_crop")(v2.functional.pil_to_tensor(image), DRAW)
    return view


def assert_alike(preprocessing: Preprocessing, image: Image.Image, transformed: torch.Tensor) -> None:
    """See that the view is what the library's transform shows, which is normalised.

    Pillow resizes in two steps of 8 bits and clips between them, which is worth half a grey level on average and a few
    at most; a picture displaced by a pixel differs by 9 on average.
    """
    mean, std = torch.tensor(preprocessing.mean)[:, None, None], torch.tensor(preprocessing.std)[:, None, None]
    difference = (shown(preprocessing, image) - (transformed * std + mean)).abs() * 255
    assert float(difference.mean()) <= 0.5
    assert float(difference.max()) <= 4


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("model", "weights"),
    [
        ("resnet50", "IMAGENET1K_V1"),
        ("resnet50", "IMAGENET1K_V2"),
        ("swin_t", "IMAGENET1K_V1"),
        ("vit_b_16", "default"),
    ],
)
def test_a_torchvision_recipe_shows_what_its_own_transform_shows(model, weights, size):
    """Witness: the library's transform."""
    transform = torchvision.models.get_model_weights(model)[weights.upper() if weights == "default" else weights]
    image = picture(*size)
    recipe = preprocessing_of(f"torchvision/{model}", weights)
    assert_alike(recipe, image, transform.transforms()(image))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "name",
    [
        "resnet50.a1_in1k",  # bicubic, 224 of 235
        "vit_base_patch16_224.augreg_in21k_ft_in1k",  # bicubic, 224 of 248, another mean
        "eva02_base_patch14_448.mim_in22k_ft_in1k",  # squash
        "vit_base_patch16_siglip_256.webli",  # squash
    ],
)
def test_a_timm_recipe_shows_what_its_own_transform_shows(name, size):
    """Witness: timm's transform of its own configuration."""
    config = resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
    image = picture(*size)
    architecture, _, tag = name.partition(".")
    assert_alike(preprocessing_of(f"timm/{architecture}", tag), image, create_transform(**config)(image))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_rounding_gives_the_pixels_of_pillow(interpolation):
    """Witness: Pillow through torchvision, whose fixed-point kernel tips a pixel in a thousand."""
    image = picture(500, 375)
    pixels = v2.functional.pil_to_tensor(image)
    expected = v2.functional.pil_to_tensor(
        v2.functional.center_crop(v2.functional.resize(image, [256], v2.InterpolationMode(interpolation)), [224, 224])
    )
    preprocessing = Preprocessing(crop_pct=0.875, interpolation=interpolation)
    for rounding, least, most in (("float", 0, 0.2), ("uint8", 0.995, 1)):
        (view,) = preprocessing.protocol({"centre_crop": {"rounding": rounding}})(pixels, DRAW)
        difference = (view * 255 - expected).abs()
        assert least <= float((difference < 1e-3).float().mean()) <= most
        assert difference.max() < 3


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
@pytest.mark.parametrize("crop_pct", [0.875, 1.0, 1.15])
def test_each_crop_mode_is_timm_s(crop_mode, crop_pct, size):
    recipe = Preprocessing(mean=(0.3, 0.5, 0.7), size=96, crop_pct=crop_pct, crop_mode=crop_mode)
    image = picture(*size)
    transform = create_transform((3, 96, 96), crop_pct=crop_pct, crop_mode=crop_mode, mean=recipe.mean, std=recipe.std,
                                 interpolation="bilinear")  # fmt: skip
    assert_alike(recipe, image, transform(image))


def test_every_published_recipe_of_timm_resizes_to_timm_s_length():
    """Witness: timm's own arithmetic, without the float guard of ours."""
    configs = [timm.get_pretrained_cfg(name) for name in timm.list_pretrained()]
    lengths = {(config.input_size[-1], config.crop_pct) for config in configs}
    assert len(lengths) > 50
    assert all(resize_length(size, share) == int(size / share) for size, share in lengths)


def test_every_published_recipe_of_torchvision_resizes_to_its_length():
    for model in torchvision.models.list_models(module=torchvision.models):
        for weights in torchvision.models.get_model_weights(model):
            recipe, preset = preprocessing_of(f"torchvision/{model}", weights.name), weights.transforms()
            assert [recipe.size] == preset.crop_size
            assert [resize_length(recipe.size, recipe.crop_pct)] == preset.resize_size
            assert recipe.interpolation == preset.interpolation.value


def test_a_tag_has_its_own_normalisation():
    """Witness: timm's configurations; tf_efficientnet_b0 is published under both."""
    for tag, mean in (("ns_jft_in1k", (0.485, 0.456, 0.406)), ("ap_in1k", (0.5, 0.5, 0.5))):
        assert timm.get_pretrained_cfg(f"tf_efficientnet_b0.{tag}").mean == mean
        assert preprocessing_of("timm/tf_efficientnet_b0", tag).mean == mean
        assert preprocessing_of(f"timm/tf_efficientnet_b0.{tag}", None).mean == mean


@pytest.mark.parametrize(
    ("name", "file", "recipe"),
    [
        ("torchvision/resnet50", "resnet50-0676ba61.pth", "torchvision resnet50 IMAGENET1K_V1"),
        ("torchvision/resnet50", "resnet50-0676ba61.pth#state_dict_ema", "torchvision resnet50 IMAGENET1K_V1"),
        ("timm/resnet50", "resnet50.ram_in1k.safetensors#model", "timm resnet50.ram_in1k"),
        ("torchvision/resnet50", "mine.pth", "torchvision resnet50's default, IMAGENET1K_V2"),
        ("timm/resnet50", "resnet50.ram_in1k.safetensors", "timm resnet50.ram_in1k"),
        ("timm/resnet50", "mine.pth", "timm resnet50's default, a1_in1k"),
        ("timm/resnet50.tv_in1k", "mine.pth", "timm resnet50.tv_in1k"),
        ("antialiased_cnns/resnet18", "mine.pth", "antialiased_cnns resnet18"),
        ("tiny_resnet", "mine.pth", None),
    ],
)
def test_a_file_has_the_recipe_of_the_published_weights_whose_name_it_bears(name, file, recipe):
    assert preprocessing_of(name, f"folder/{file}").recipe == recipe


def test_the_network_carries_it(tmp_path):
    state = create_backbone("timm/resnet18", None, 10).network.state_dict()
    torch.save(state, tmp_path / "w.pth")
    made = create_backbone("timm/resnet18", str(tmp_path / "w.pth"), 10)
    assert made.preprocessing == preprocessing_of("timm/resnet18", "default")


def test_one_geometry_for_all_keeps_the_normalisation():
    recipe = preprocessing_of("timm/vit_base_patch16_224", "default")
    assert recipe.fixed(96) == Preprocessing(recipe.mean, recipe.std, 96)
    assert recipe.at(96).crop_pct == recipe.crop_pct
    assert recipe.fixed(96).recipe is None


def test_random_weights_have_no_recipe_but_the_normalisation():
    made = preprocessing_of("timm/vit_base_patch16_224", None)
    assert made == Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), size=224)
    assert made.recipe is None


def test_a_fine_tuned_network_keeps_the_recipe_at_its_own_size_alone():
    recipe = preprocessing_of("timm/resnet50", "a1_in1k")
    assert recipe.trained_at(224) is recipe
    assert recipe.trained_at(64) == recipe.fixed(64)


def test_a_protocol_with_a_geometry_of_its_own_follows_size_mean_and_interpolation_only():
    recipe = Preprocessing(mean=(0.1, 0.2, 0.3), size=64, crop_pct=0.9, interpolation="bicubic", crop_mode="squash")
    assert recipe.protocol("embed_black") == EmbedBlack(size=64, mean=(0.1, 0.2, 0.3), interpolation="bicubic")
    circular = recipe.protocol({"circular": {"m": 3}})
    assert (circular.crop_pct, circular.crop_mode, circular.m) == (0.9, "squash", 3)
    with pytest.raises(UserError, match="unknown protocol"):
        recipe.protocol("embed_blck")
    with pytest.raises(UserError, match="crop_mode is one of center, squash, border"):
        recipe.protocol({"centre_crop": {"crop_mode": "middle"}})


def test_options_that_a_recipe_sets_are_known_to_the_user_as_well():
    with pytest.raises(UserError, match="unknown option of protocol centre_crop 'crop_pc'; did you mean crop_pct"):
        Preprocessing().protocol({"centre_crop": {"crop_pc": 0.9}})
    with pytest.raises(UserError, match="'enlarge'; known are crop_mode, crop_pct, interpolation, rounding"):
        Preprocessing().protocol({"centre_crop": {"enlarge": True}})
