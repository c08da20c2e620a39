"""What `make quickstart` compares: trainings that differ in one thing, on views like theirs and on others."""

import shlex
import subprocess
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from lit_invariance.cli.configs import config_folder
from lit_invariance.data.augmentation import TrainingView
from lit_invariance.data.shapes import draw_scene
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.models.preprocessing import Preprocessing

ROOT = Path(__file__).resolve().parents[1]
RECIPE = (".venv/bin/python train.py ", ".venv/bin/python evaluate.py ")
ARMS = {
    name: yaml.safe_load((config_folder() / f"{name}.yaml").read_text())
    for name in ("shapes", "aug_shapes", "aa_shapes")
}
SIZE = ARMS["shapes"]["data"]["image_size"]
DRAWN = SIZE * 9 // 8
# A picture whose pixels hold their own row and column, so that a view of it tells what it shows.
PLACES = torch.stack(torch.meshgrid(torch.arange(DRAWN), torch.arange(DRAWN), indexing="ij")).to(torch.uint8)
PLACES = torch.cat([PLACES, torch.zeros_like(PLACES[:1])])


def commands(seed=0):
    recipe = ["make", "-n", "quickstart", f"SEED={seed}"]
    printed = subprocess.run(recipe, cwd=ROOT, capture_output=True, text=True, check=True).stdout.replace("\\\n", " ")
    lines = [line.split(" 2>&1")[0] for line in printed.splitlines() if line.startswith(RECIPE)]
    return [shlex.split(line)[1:] for line in lines]


@pytest.fixture(scope="module")
def views():
    """Where the views of every protocol of the quickstart take their pixels from and where they put them."""
    words = commands()[-1]
    specs = [yaml.safe_load(word) for word in words[words.index("--protocols") + 1 :]]
    generator = torch.Generator().manual_seed(0)
    made = {choice.label: choice.build(Preprocessing(size=SIZE)) for choice in choose_protocols(specs, SIZE)}
    return {
        label: [view for _ in range(400) for view in protocol.views(DRAWN, DRAWN, generator)]
        for label, protocol in made.items()
        if len(protocol.steps) > 1
    }


def corners(arm):
    """First row and column of the window that each of 150 training views shows, pixel for pixel."""
    data = ARMS[arm]["data"]
    training_view = TrainingView(SIZE, flip=data["flip"], translation=data["translation"])
    found = []
    for number in range(150):
        shown = training_view(PLACES, (0, number)).int()
        corner = shown[:2, :1, :1]
        assert (shown[:2] - corner == PLACES[:2, :SIZE, :SIZE].int()).all()
        found.append(corner.flatten().tolist())
    return np.array(found)


def test_the_trainings_differ_in_their_mitigation_alone():
    arms = deepcopy(ARMS)
    assert [arm["data"].pop("translation") for arm in arms.values()] == [
        None,
        {"kind": "affine", "max_shift": 0.06},
        None,
    ]
    assert [arm["model"].pop("mitigations") for arm in arms.values()] == [None, None, [{"blurpool": {"taps": 3}}]]
    assert arms["shapes"] == arms["aug_shapes"] == arms["aa_shapes"]


def test_a_seed_names_pictures_weights_and_views():
    *trainings, evaluation = commands(seed=7)
    assert len(trainings) == 3
    for words in trainings:
        assert words[words.index("--seed_everything") + 1] == words[words.index("--data.seed") + 1] == "7"
    assert evaluation[evaluation.index("--seed") + 1] == "7"


def test_inside_are_the_windows_that_augmentation_shows(views):
    moved = corners("aug_shapes")
    assert (corners("shapes") == (DRAWN - SIZE) // 2).all()
    assert moved.min(axis=0).tolist() == [0, 0]
    assert moved.max(axis=0).tolist() == [DRAWN - SIZE] * 2
    (inside,) = (label for label in views if label.startswith("crop"))
    for view in views[inside]:
        assert view[2:] == (SIZE, SIZE, SIZE, SIZE, 0, 0)
        assert 0 <= min(view.top, view.left) <= max(view.top, view.left) <= DRAWN - SIZE
    assert len({(view.top, view.left) for view in views[inside]}) > 40  # of 49


def test_outside_are_whole_pictures_whose_shapes_mostly_have_a_size_of_training(views):
    scenes = [draw_scene(index, DRAWN, **ARMS["shapes"]["data"]["shapes"]) for index in range(300)]
    radii = np.array([scene.radius for scene in scenes])
    outside = [label for label in views if not label.startswith("crop")]
    assert len(outside) >= 2
    for label in outside:
        for view in views[label]:
            assert view[:4] == (0, 0, DRAWN, DRAWN)
            assert min(view.at_top, view.at_left) >= 0
            assert max(view.at_top + view.to_height, view.at_left + view.to_width) <= SIZE
            assert view.to_height * view.to_width < 0.95 * SIZE**2
            assert (radii * view.to_height / DRAWN > radii.min()).mean() > 0.5
