import os
from pathlib import Path

import pytest
from PIL import Image

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.evaluation.fingerprint import data_fingerprint, run_fingerprint
from lit_invariance.evaluation.model_sources import find_sources
from lit_invariance.evaluation.protocols import choose_protocols


def of_shapes(**options):
    settings = {"dataset": "shapes", "image_size": 16, "shapes": {"val_images": 40}}
    return data_fingerprint(InvarianceData(**settings | options).validation_images())


def test_drawn_images():
    assert of_shapes() == of_shapes(batch_size=3)
    others = [of_shapes(seed=1), of_shapes(max_images=7), of_shapes(shapes={"val_images": 40, "bias": 0.9})]
    assert len({of_shapes(), *others}) == 4


def test_picture_files(in_folder):
    Path("here/cat").mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (9, 9)).save(f"here/cat/{number}.png")

    def fingerprint(root):
        data = InvarianceData("image_folder", root=root, val_fraction=1.0)
        return data_fingerprint(data.validation_images())

    first = fingerprint("here")
    os.rename("here", "there")
    assert fingerprint("there") == first
    Image.new("RGB", (50, 9), (1, 2, 3)).save("there/cat/1.png")
    assert fingerprint("there") != first


@pytest.fixture
def arguments(save_run):
    save_run("plain")
    sources, protocols = find_sources(["checkpoints/plain/best.ckpt", "b=tiny_resnet@none"]), choose_protocols(["crop"])
    return {"sources": sources, "protocols": protocols, "settings": {"seed": 0}}


def test_run(arguments):
    first = run_fingerprint(**arguments)
    assert first == run_fingerprint(**arguments)
    others = [
        run_fingerprint(**arguments | {"settings": {"seed": 1}}),
        run_fingerprint(**arguments | {"sources": arguments["sources"][:1]}),
        run_fingerprint(**arguments | {"protocols": choose_protocols([{"crop": {"area": [0.5, 0.5]}}])}),
    ]
    os.utime("checkpoints/plain/best.ckpt", (0, 0))
    assert len({first, *others, run_fingerprint(**arguments)}) == 5
