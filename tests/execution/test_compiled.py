"""Whole evaluations under `compile="true"`, minutes of compiling: `make test-compiled` runs them."""

import os

import numpy as np
import pytest

from lit_invariance.api.evaluate import evaluate
from lit_invariance.data.datamodule import InvarianceData

pytestmark = pytest.mark.skipif(
    os.environ.get("LIT_INVARIANCE_COMPILE") != "1", reason="takes minutes; LIT_INVARIANCE_COMPILE=1 runs it"
)
PROTOCOLS = ["centre_crop", "crop", {"embed_black": {"background": "mean"}}, {"released_script": {"share": 0.7}}]


@pytest.mark.filterwarnings("ignore")  # what inductor says of its own parts
@pytest.mark.parametrize(
    "source",
    [
        "torchvision/resnet18@none",
        "torchvision/mobilenet_v2@none",
        "timm/convnext_atto@none",
        "torchvision/resnet18@none+blurpool",
        "torchvision/resnet18@none+content_align",
    ],
)
def test_compiled_answers_are_the_plain_ones_but_for_ties(source, in_folder):
    compare(source, PROTOCOLS, 20)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "source", ["torchvision/resnet18@none", "torchvision/mobilenet_v2@none", "timm/convnext_atto@none"]
)
def test_so_they_are_under_every_failure_test(source, in_folder):
    compare(source, ["all"], 3)


def compare(source, protocols, images):
    data = InvarianceData(dataset="shapes", image_size=64, shapes={"val_images": images, "size": 80})
    common = {"image_size": 64, "cost": False, "accelerator": "cpu", "progress": False, "embedding": True}
    plain, fast = (evaluate({"a": source}, data, protocols, compile=choice, **common) for choice in (False, True))
    assert [results.content["models"][0]["executor"]["compiled"] for results in (plain, fast)] == [False, True]
    for cell, answers in plain.outcomes.answers.items():
        same = answers.predictions == fast.outcomes.answers[cell].predictions
        assert (same | answers.tied | fast.outcomes.answers[cell].tied).all()
        np.testing.assert_allclose(
            answers.top_probability, fast.outcomes.answers[cell].top_probability, rtol=1e-3, atol=1e-5
        )
    for column, values in plain.outcomes.columns.items():
        if column[2].startswith("embedding_"):
            np.testing.assert_allclose(values, fast.outcomes.columns[column], atol=1e-5)
