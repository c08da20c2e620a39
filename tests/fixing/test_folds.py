from collections import Counter

import pytest

from lit_invariance.errors import UserError
from lit_invariance.fixing.folds import folds


class Labelled:
    paths = boxes = None
    about = "pictures"

    def __init__(self, *counts):
        self.labels = [label for label, count in enumerate(counts) for _ in range(count)]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return None, self.labels[index]


def test_few_pictures_are_held_out_once_each_and_evenly_over_classes():
    pictures = Labelled(20, 21, 19)
    parts = folds(pictures, seed=3)
    assert sorted(position for part in parts for position in part) == list(range(60))
    for part in parts:
        counts = Counter(pictures.labels[position] for position in part)
        assert [counts[label] for label in range(3)] == pytest.approx([20 / 3, 7, 19 / 3], abs=1)


def test_of_many_pictures_a_quarter_is_held_out_and_never_more_than_they_can_be_measured():
    (few,), (many,) = folds(Labelled(200, 200), 0), folds(Labelled(1000, 3000), 0)
    assert len(few) == 100
    assert len(many) == 250
    assert sum(position < 1000 for position in many) == pytest.approx(62.5, abs=1)


def test_the_seed_names_the_choice():
    pictures = Labelled(10, 10)
    assert folds(pictures, 0) == folds(pictures, 0) != folds(pictures, 1)


def test_the_labels_of_other_sources_are_read_from_the_pictures():
    known, asked = Labelled(6, 9), Labelled(6, 9)
    labels = asked.labels
    asked.__class__ = type(
        "Asked", (Labelled,), {"__len__": lambda self: 15, "__getitem__": lambda self, i: (0, labels[i])}
    )
    del asked.labels
    assert folds(asked, 0) == folds(known, 0)


def test_too_few_pictures_are_refused():
    with pytest.raises(UserError, match="there are 11 pictures to train on, .* needs at least 12"):
        folds(Labelled(5, 6), 0)
