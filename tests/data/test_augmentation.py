from typing import Any

import albumentations
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lit_invariance.data.augmentation import TrainingView, least_side
from lit_invariance.data.datamodule import TrainingSet
from lit_invariance.data.epochs import EpochLoader, EpochSampler
from lit_invariance.errors import UserError


def coordinates(height: int, width: int) -> Tensor:
    """An image whose red is its row, whose green is its column and whose blue is 200."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([rows, columns, torch.full_like(rows, 200)]).to(torch.uint8)


class OnePicture:
    def __init__(self, count: int = 12) -> None:
        self.count, self.image = count, coordinates(40, 40)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.image, index


def places(view: TrainingView, workers: int = 0, epochs: int = 1) -> list[list[Any]]:
    """The (row, column, label) at which each image of each epoch was cut."""
    training = TrainingSet(OnePicture(), view)
    sampler = EpochSampler(training, seed=0, batch_size=3)
    loader = EpochLoader(training, 3, sampler=sampler, num_workers=workers, persistent_workers=workers > 0)
    seen = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        corners = [(b["image"][:, 0, 0, 0], b["image"][:, 1, 0, 0], b["label"]) for b in loader]
        seen.append(list(zip(*(torch.cat(part).tolist() for part in zip(*corners, strict=True)), strict=True)))
    return seen


WINDOW = {"kind": "pad", "pixels": 0}
EVERY_KIND = [
    WINDOW,
    {"kind": "crop", "scale": [0.3, 0.9]},
    {"kind": "affine", "scale": [0.8, 1.2]},
    {"kind": "any_of", "of": [WINDOW, {"kind": "affine"}]},
]


def test_images_and_epochs_draw_differently() -> None:
    first, second = places(TrainingView(35, flip=False, translation=WINDOW), epochs=2)
    drawn = [place[:2] for place in first]
    assert sorted(place[2] for place in first) == list(range(12))
    assert len(set(drawn)) > 6
    by_image = [{place[2]: place[:2] for place in epoch} for epoch in (first, second)]
    assert sum(by_image[0][index] == by_image[1][index] for index in range(12)) < 6
    assert [place[2] for place in first] != [place[2] for place in second]


@pytest.mark.parametrize("translation", EVERY_KIND, ids=[kind["kind"] for kind in EVERY_KIND])
def test_workers_change_nothing(translation: dict[str, Any]) -> None:
    view = TrainingView(35, flip=True, translation=translation)
    assert places(view, workers=2, epochs=2) == places(view, workers=0, epochs=2)


def test_a_seed_repeats_its_views_and_another_draws_others() -> None:
    image = coordinates(40, 40)

    def corners(seed: int) -> list[Any]:
        view = TrainingView(35, flip=False, translation=WINDOW, seed=seed)
        return [view(image, (2, index))[:2, 0, 0].tolist() for index in reversed(range(12))]

    assert corners(0) == corners(0)
    assert corners(0) != corners(1)


def test_without_a_generator_of_its_own_albumentations_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    # The fault of albumentations 2.0.8 that the reseeding works around. Once it is gone, so can the reseeding.
    monkeypatch.setattr(TrainingView, "_reseed", lambda self, place: None)
    view = TrainingView(35, flip=False, translation=WINDOW)
    drawn = []
    for _ in range(2):
        loader = DataLoader(TrainingSet(OnePicture(), view), batch_size=3, num_workers=2)
        drawn.append([batch["image"][:, :2, 0, 0].tolist() for batch in loader])
    assert drawn[0][0] == drawn[0][1]  # the first batches of the two workers
    assert drawn[0] == drawn[1]


def test_flip_and_shift_are_independent() -> None:
    view, image = TrainingView(38, flip=True, translation=WINDOW), coordinates(40, 40)
    counts = np.zeros((3, 2))
    for index in range(600):
        row = view(image, (0, index))[1, 0].tolist()
        counts[min(row), int(row[0] > row[-1])] += 1
    expected = counts.sum(1, keepdims=True) * counts.sum(0) / counts.sum()
    assert ((counts - expected) ** 2 / expected).sum() < 13.8  # chi², 2 degrees of freedom, p = .001
    assert counts.min() > 50


def test_plain_view_is_the_centre_as_in_evaluation() -> None:
    image = coordinates(72, 90)
    assert (TrainingView(64, flip=False)(image, (0, 0)) == image[:, 4:68, 13:77]).all()


@pytest.mark.parametrize("kind", [None, "crop", "pad", "affine"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (64, 64), (300, 41), (200, 200)])
def test_results_have_the_networks_size(kind: str | None, shape: tuple[int, int]) -> None:
    image = torch.randint(0, 256, (3, *shape), dtype=torch.uint8)
    before = image.clone()
    seen = TrainingView(48, translation=kind and {"kind": kind})(image, (0, 0))
    assert seen.shape == (3, 48, 48)
    assert seen.dtype == torch.uint8
    assert (image == before).all()


def test_shrinking_averages_and_never_aliases() -> None:
    image = torch.zeros(3, 256, 256, dtype=torch.uint8)
    image[:, :, ::2] = 255
    for kind in (None, {"kind": "crop", "scale": [1, 1], "ratio": [1, 1]}):
        seen = TrainingView(64, flip=False, translation=kind)(image, (0, 0)).float()
        assert (seen - 127.5).abs().max() < 40


def test_affine_moves_by_whole_pixels_uniformly_in_range() -> None:
    view, image = TrainingView(40, False, {"kind": "affine", "max_shift": 0.05}), coordinates(44, 44)
    seen = set()
    for index in range(400):
        moved = view(image, (0, index))
        row, column = moved[0, 0, 0].item(), moved[1, 0, 0].item()
        assert (moved == image[:, row : row + 40, column : column + 40]).all()
        seen.add((row - 2, column - 2))
    assert seen == {(row, column) for row in range(-2, 3) for column in range(-2, 3)}


def test_affine_zooms_both_sides_alike() -> None:
    view, image = TrainingView(40, False, {"kind": "affine", "max_shift": 0, "scale": [0.5, 2.0]}), coordinates(40, 40)
    steps = []
    for index in range(20):
        centre = view(image, (0, index))[:2, 15:25, 15:25].float()
        steps.append((centre[0].diff(dim=0).mean().item(), centre[1].diff(dim=1).mean().item()))
        assert steps[-1][0] == pytest.approx(steps[-1][1], abs=0.1)
    assert min(steps)[0] < 0.8
    assert max(steps)[0] > 1.2


@pytest.mark.parametrize("kind", [{"kind": "pad", "pixels": 20}, {"kind": "affine", "max_shift": 1.0}])
@pytest.mark.parametrize(("fill", "colour"), [("black", (0, 0, 0)), ("mean", (124, 116, 104)), ("reflect", None)])
def test_fill_is_what_lies_beyond_the_picture(kind: dict[str, Any], fill: str, colour: tuple[int, ...] | None) -> None:
    view = TrainingView(20, False, {**kind, "fill": fill})
    image = torch.full((3, 20, 20), 250, dtype=torch.uint8)
    found = torch.cat([view(image, (0, index)).flatten(1) for index in range(20)], dim=1).unique(dim=1).T.tolist()
    expected = [[250] * 3] if colour is None else [list(colour), [250] * 3]
    assert found == expected


def test_any_of_draws_one_of_its_translations_for_each_view() -> None:
    """Black in the corner tells the padded pictures; the others are cut out of the picture itself."""
    translation = {"kind": "any_of", "of": [WINDOW, {"kind": "affine", "scale": [0.5, 0.5], "max_shift": 0}]}
    view, image = TrainingView(38, False, translation), torch.full((3, 40, 40), 250, dtype=torch.uint8)
    small = [bool((view(image, (0, index))[:, 0, 0] == 0).all()) for index in range(100)]
    assert 35 < sum(small) < 65
    assert [bool((view(image, (0, index))[:, 0, 0] == 0).all()) for index in range(100)] == small
    (first,) = places(TrainingView(35, False, {"kind": "any_of", "of": [WINDOW]}))
    assert len({place[:2] for place in first}) > 6


def test_crop_areas_stay_in_their_range() -> None:
    view, image = TrainingView(32, False, {"kind": "crop", "scale": [0.25, 0.5]}), coordinates(200, 200)
    for index in range(50):
        seen = view(image, (0, index)).float()
        spans = [(seen[0, -1, 0] - seen[0, 0, 0]).item(), (seen[1, 0, -1] - seen[1, 0, 0]).item()]
        assert 0.2 < spans[0] * spans[1] / 200**2 < 0.52


@pytest.mark.parametrize(
    ("translation", "said"),
    [
        ({"kind": "pda"}, "unknown translation 'pda'; did you mean pad"),
        ({"pixels": 4}, "has no kind"),
        ({"kind": "pad", "pixel": 4}, "pixel"),
        ({"kind": "pad", "pixels": -1}, "pixels is -1"),
        ({"kind": "affine", "max_shift": 3}, "max_shift is 3"),
        ({"kind": "affine", "fill": "white"}, "fill is 'white'; known are black, mean, reflect"),
        ({"kind": "crop", "scale": [0.5, 2]}, r"scale is \[0.5, 2\]"),
        ({"kind": "crop", "ratio": [1]}, r"ratio is \[1\]"),
        ({"kind": "any_of", "of": []}, r"of is \[\]; it must be a list of translations"),
        ({"kind": "any_of", "of": [{"kind": "corp"}]}, "unknown translation 'corp'; did you mean crop"),
    ],
)
def test_wrong_options_are_named(translation: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        TrainingView(32, translation=translation)
    assert "\n" not in str(caught.value)


def test_the_pinned_release_is_the_one_that_needs_the_reseeding() -> None:
    assert albumentations.__version__ == "2.0.8"


@pytest.mark.parametrize(
    ("translation", "least"),
    [
        (None, 2 * 256),
        ({"kind": "pad"}, 2 * 256),
        ({"kind": "affine", "scale": [0.5, 2.0]}, 2 * 256),
        ({"kind": "crop", "scale": [0.25, 1.0], "ratio": [1.0, 1.0]}, 2 * 448),
        ({"kind": "crop", "scale": [0.25, 1.0], "ratio": [0.25, 1.0]}, 2 * 896),
        ({"kind": "any_of", "of": [{"kind": "pad"}, {"kind": "crop", "scale": [1.0, 1.0], "ratio": [1, 1]}]}, 2 * 256),
    ],
)
def test_a_picture_keeps_twice_what_any_view_needs(translation, least):
    assert least_side(224, translation) == least
