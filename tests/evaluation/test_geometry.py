import pytest
import torch

from lit_invariance.errors import UserError
from lit_invariance.evaluation.geometry import Geometry
from lit_invariance.evaluation.model_sources import find_sources
from lit_invariance.evaluation.models import load_models
from lit_invariance.evaluation.plan import plan
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.models.backbones import create_backbone, preprocessing_of
from lit_invariance.models.preprocessing import Preprocessing

RECIPE = preprocessing_of("timm/resnet50", "a1_in1k")
NONE = preprocessing_of("tiny_resnet", None)


@pytest.mark.parametrize(
    ("geometry", "own", "expected"),
    [
        (Geometry(), None, RECIPE),
        (Geometry(), 160, RECIPE.at(160)),
        (Geometry(image_size=96), None, RECIPE.at(96)),
        (Geometry(image_size=96), 160, RECIPE.at(160)),
        (Geometry(otherwise=32), None, RECIPE),
        (Geometry("fixed"), None, RECIPE.fixed(224)),
        (Geometry("fixed", otherwise=32), None, RECIPE.fixed(32)),
        (Geometry("fixed", image_size=96), 160, RECIPE.fixed(160)),
    ],
)
def test_size_and_geometry_of_published_weights(geometry, own, expected):
    shown = geometry.of_weights(RECIPE, own)
    assert shown == expected
    assert (shown.recipe is None) == (expected.recipe is None)


def test_networks_without_a_recipe_have_the_size_of_the_data():
    assert Geometry(otherwise=32).of_weights(NONE, None) == Preprocessing(size=32)
    assert Geometry(image_size=48, otherwise=32).of_weights(NONE, None).size == 48


def test_a_checkpoint_is_shown_what_its_training_validated_it_on():
    assert Geometry(image_size=96).of_training(RECIPE) is RECIPE
    assert Geometry("fixed").of_training(RECIPE.at(160)) == RECIPE.fixed(160)


def test_an_unknown_kind_is_refused():
    with pytest.raises(UserError, match="unknown preprocessing 'recipes'; did you mean recipe"):
        Geometry("recipes")


def test_models_of_one_recipe_share_their_views_and_others_do_not(tmp_path):
    """MobileNetV2's V1 and V2 differ in the length that is resized to; an unknown file has the default's, V2's."""
    state = create_backbone("torchvision/mobilenet_v2", None, 1000).network.state_dict()
    for file in ("mobilenet_v2-b0353104.pth", "mobilenet_v2-7ebf99e0.pth", "mine.pth"):
        torch.save(state, tmp_path / file)
    names = {"v1": "mobilenet_v2-b0353104.pth", "v2": "mobilenet_v2-7ebf99e0.pth", "mine": "mine.pth"}
    sources = find_sources([f"{name}=torchvision/mobilenet_v2@{tmp_path / file}" for name, file in names.items()])
    protocols = choose_protocols(["centre_crop", "embed_black"])

    def shared(kind):
        models = load_models(sources, 1000, Geometry(kind, image_size=64), seed=0)
        tasks = plan(models, protocols)
        return models, [(task.label, [model.name for model in task.models]) for task in tasks]

    models, tasks = shared("recipe")
    assert tasks == [
        ("centre_crop", ["v1"]),
        ("centre_crop", ["v2", "mine"]),
        ("embed_black", ["v1", "v2", "mine"]),
    ]
    told = [model.describe()["preprocessing"]["recipe"] for model in models]
    published = [f"torchvision mobilenet_v2 IMAGENET1K_V{version}" for version in (1, 2)]
    assert told == [*published, "torchvision mobilenet_v2's default, IMAGENET1K_V2"]
    models, tasks = shared("fixed")
    assert tasks == [("centre_crop", ["v1", "v2", "mine"]), ("embed_black", ["v1", "v2", "mine"])]
    assert [model.describe()["preprocessing"]["recipe"] for model in models] == [None] * 3
