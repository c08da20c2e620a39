from lit_invariance.report.preprocessing import cautions, describe
from lit_invariance.report.table import format_tables

RECIPE = {"recipe": "torchvision resnet50 IMAGENET1K_V2", "crop_pct": 224 / 232, "crop_mode": "center"}
RECIPE |= {"interpolation": "bilinear"}


def test_a_recipe_is_told_in_pixels(results):
    model = results["models"][0] | {"image_size": 224, "preprocessing": RECIPE}
    told = "recipe of torchvision resnet50 IMAGENET1K_V2 (short side to 232, crop 224, bilinear)"
    assert describe(model) == told
    squashed = RECIPE | {"recipe": "timm x", "crop_pct": 1.0, "crop_mode": "squash", "interpolation": "bicubic"}
    assert describe(model | {"preprocessing": squashed}) == "recipe of timm x (both sides to 224, crop 224, bicubic)"
    assert describe(results["models"][1]) == "the geometry for all (crop 16, bilinear)"


def test_models_that_see_the_same_pixels_need_no_caution(results):
    assert cautions(results) == []
    # Another name of the same values is the same pixels.
    results["models"][0]["preprocessing"] = results["models"][0]["preprocessing"] | {"recipe": "a b"}
    assert cautions(results) == []
    assert "geometry for all" not in format_tables(results)


def test_models_of_different_recipes_are_told_apart_in_the_tables(results):
    results["models"][0] = results["models"][0] | {"image_size": 224, "preprocessing": RECIPE}
    (caution,) = cautions(results)
    assert "did not see the same pixels" in caution
    text = " ".join(format_tables(results).split())
    assert caution in text
    assert "baseline: recipe of torchvision resnet50 IMAGENET1K_V2 (short side to 232, crop 224, bilinear)" in text


def test_another_size_is_other_pixels_and_no_other_recipe(results):
    results["models"][0] = results["models"][0] | {"image_size": 32}
    (caution,) = cautions(results)
    assert "did not see the same pixels, because their input sizes differ" in caution
    assert "recipe" not in caution
