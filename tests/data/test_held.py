from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lit_invariance.data.augmentation import TrainingView
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.held import HeldImages, HeldTrainingSet, augments
from lit_invariance.errors import UserError


def held(count: int = 6, height: int = 9, width: int = 9) -> HeldImages:
    pixels = np.random.default_rng(1).integers(1, 255, (count, 3, height, width), dtype=np.uint8)
    return HeldImages(torch.from_numpy(pixels), np.arange(count), "some pictures")


def views(source: HeldImages, size: int, translation: Any, flip: bool = False, epoch: int = 0, seed: int = 3) -> Tensor:
    training = HeldTrainingSet(source, size, flip, translation, seed)
    return training.__getitems__([(epoch, position) for position in range(len(source))])["image"]


@pytest.mark.parametrize(("height", "width", "size"), [(9, 9, 9), (9, 12, 8), (37, 40, 32), (36, 33, 32)])
def test_without_translation_it_shows_what_albumentations_shows(height: int, width: int, size: int) -> None:
    source = held(height=height, width=width)
    one_by_one = TrainingView(size, flip=False)
    expected = torch.stack([one_by_one(source[position][0], (0, position)) for position in range(len(source))])
    assert torch.equal(views(source, size, None), expected)


@pytest.mark.parametrize("fill", ["black", "mean", "reflect"])
def test_every_view_is_a_window_that_albumentations_draws_too(fill: str) -> None:
    source, translation = held(1), {"kind": "pad", "pixels": 1, "fill": fill}
    one_by_one = TrainingView(9, True, translation)
    possible = {one_by_one(source[0][0], (epoch, 0)).numpy().tobytes() for epoch in range(300)}
    drawn = {views(source, 9, translation, True, epoch).numpy().tobytes() for epoch in range(300)}
    assert len(possible) == 18  # 3 x 3 places, mirrored or not
    assert drawn == possible


def test_places_and_flips_are_equally_likely() -> None:
    same = HeldImages(held(1).images.expand(4000, -1, -1, -1), np.zeros(4000, dtype=np.int64), "one picture")
    counts = Counter(view.numpy().tobytes() for view in views(same, 9, {"kind": "pad", "pixels": 1}, flip=True))
    chi_square = sum((count - 4000 / 18) ** 2 / (4000 / 18) for count in counts.values())
    assert len(counts) == 18
    assert chi_square < 45  # 17 degrees of freedom; p = .0002


def test_draws_depend_on_seed_epoch_and_position_alone() -> None:
    source, translation = held(64), {"kind": "pad", "pixels": 3}
    training = HeldTrainingSet(source, 9, True, translation, seed=3)
    whole = views(source, 9, translation, True)
    some = training.__getitems__([(0, 5), (0, 2), (0, 63)])
    assert torch.equal(some["image"], whole[[5, 2, 63]])
    assert some["label"].tolist() == [5, 2, 63]
    training.__getitems__([(1, 0)])
    assert torch.equal(training.__getitems__([(0, 5)])["image"], whole[5:6])
    for other in (views(source, 9, translation, True, epoch=1), views(source, 9, translation, True, seed=4)):
        assert (other != whole).flatten(1).any(1).float().mean() > 0.9


def test_says_what_it_can_augment() -> None:
    assert augments(held(), 9, None)
    assert augments(held(), 9, {"kind": "pad"})
    assert not augments(held(), 9, {"kind": "crop"})
    assert not augments(held(), 12, None)  # would have to be enlarged
    assert not augments(held(), 6, None)  # and made smaller


def test_cifar10_is_trained_from_memory(tmp_path: Path, write_cifar10: Any) -> None:
    pixels = write_cifar10(tmp_path)[:5].reshape(20, 3, 32, 32)
    data = InvarianceData("CIFAR10", str(tmp_path), image_size=32, batch_size=8, flip=False)
    data.setup("fit")
    loader = data.train_dataloader()
    assert loader.num_workers == 0
    batches = list(loader)
    assert [tuple(batch["image"].shape) for batch in batches] == [(8, 3, 32, 32)] * 2
    shown = {image.numpy().tobytes() for batch in batches for image in batch["image"]}
    assert len(shown) == 16
    assert shown < {picture.tobytes() for picture in pixels}


def test_batches_are_the_same_from_workers(tmp_path: Path, write_cifar10: Any) -> None:
    write_cifar10(tmp_path)
    given: dict[str, Any] = {"image_size": 32, "batch_size": 8, "translation": {"kind": "pad", "pixels": 4}}
    here, there = (
        list(InvarianceData("CIFAR10", str(tmp_path), num_workers=workers, **given).train_dataloader())
        for workers in (0, 1)
    )
    assert all(torch.equal(one["image"], two["image"]) for one, two in zip(here, there, strict=True))


def test_wrong_options_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    for wrong in ({"pixels": -1}, {"fill": "pink"}, {"reach": 3}):
        with pytest.raises(UserError):
            InvarianceData("CIFAR10", str(tmp_path), translation={"kind": "pad", **wrong})
