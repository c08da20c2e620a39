"""`embedding=True`: cosines of the features of neighbouring views, of any protocol and with or without labels."""

import itertools

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import lit_invariance as li
from lit_invariance.metrics import FEATURE_SCORES
from lit_invariance.protocols import PROTOCOLS, generator_for

PROTOCOL = ["centre_crop", "crop", {"shift_grid": {"m": 1}}]
LABELS = ["centre_crop", "crop", "shift_grid(m=1)"]


class Functional(nn.Module):
    """Classifies without a layer."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3 * 16 * 16, generator=torch.Generator().manual_seed(0)))

    def forward(self, images):
        return images.flatten(1) @ self.weight.T


def evaluated(models, pictures, quick, **options):
    return li.evaluate(models, pictures, PROTOCOL, preprocessing=((0.5,) * 3, (0.5,) * 3), **quick, **options)


def test_every_image_by_hand(small_net, pictures, quick):
    """Witness: the views, the layers before the last one, and numpy's norm."""
    network = small_net()
    results = evaluated({"a": network}, pictures, quick, embedding=True)
    network.eval()
    for spec, label in zip(PROTOCOL, LABELS, strict=True):
        if label == "centre_crop":
            assert ("a", label, "embedding_cosine") not in results.outcomes.columns
            continue
        name, options = (spec, {}) if isinstance(spec, str) else next(iter(spec.items()))
        protocol = PROTOCOLS[name](size=16, mean=(0.5,) * 3, **options)
        for index, (picture, _) in enumerate(pictures):
            pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
            views = protocol(pixels, generator_for(0, name, index))
            with torch.no_grad():
                features = network.layer((views - 0.5) / 0.5).relu().flatten(1).double().numpy()
            features /= np.linalg.norm(features, axis=1, keepdims=True)
            cosines = [features[t] @ features[t + 1] for t in range(len(features) - 1)]
            expected = {"embedding_cosine": np.mean(cosines)}
            if len(cosines) > 1:
                expected["embedding_worst"] = min(cosines)
            columns = results.outcomes.columns
            got = {
                score: columns["a", label, score][index] for score in FEATURE_SCORES if ("a", label, score) in columns
            }
            assert got == pytest.approx(expected, abs=1e-5)


def test_all_other_numbers_stay_as_they_are(small_net, pictures, quick):
    models = {"a": small_net(), "b": small_net(seed=1)}
    plain, more = (evaluated(models, pictures, quick, embedding=choice) for choice in (False, True))
    for column, values in plain.outcomes.columns.items():
        np.testing.assert_allclose(more.outcomes.columns[column], values, atol=1e-5, equal_nan=True)
    added = more.outcomes.columns.keys() - plain.outcomes.columns.keys()
    assert {column[1:] for column in added} == {
        ("crop", "embedding_cosine"),
        ("shift_grid(m=1)", "embedding_cosine"),
        ("shift_grid(m=1)", "embedding_worst"),
    }


def test_they_stand_in_the_tables(small_net, pictures, quick):
    results = evaluated({"a": small_net(), "b": small_net(seed=1)}, pictures, quick, embedding=True)
    assert results.content["scores"]["embedding_cosine"] == {"unit": "cosine", "higher_is_better": True}
    shown = [set(FEATURE_SCORES) & set(entry["headline"]) for entry in results.content["protocols"]]
    assert shown == [set(), {"embedding_cosine"}, {"embedding_cosine", "embedding_worst"}]
    assert "embedding_worst" in results.table()


def test_models_without_features_have_undefined_scores_and_are_told(small_net, pictures, quick, caplog):
    network = small_net()
    models = {
        "layer": network,
        "functional": Functional(),
        "passes": li.ShiftAverage(network, shifts=2),
        "one pass": li.ContentAlign(network, grid=4),
    }
    with caplog.at_level("INFO"):
        results = evaluated(models, pictures, quick, embedding=True)
    assert "functional has no layer that shows its features; its embedding scores are undefined" in caplog.text
    assert "passes takes several passes for a picture; its embedding" in caplog.text
    known = {name: not np.isnan(results.outcomes.columns[name, "crop", "embedding_cosine"]).any() for name in models}
    assert known == {"layer": True, "functional": False, "passes": False, "one pass": True}
    undefined = next(
        row for row in results.content["rows"] if (row["model"], row["score"]) == ("functional", "embedding_cosine")
    )
    assert undefined["mean"] is None
    assert "undefined" in results.table()


def test_without_labels(small_net, pictures, quick, tmp_path):
    for number, (picture, _) in enumerate(pictures):
        picture.save(tmp_path / f"{number}.png")
    data = li.InvarianceData("unlabelled", root=str(tmp_path), val_fraction=1.0, image_size=16, num_workers=0)
    results = li.evaluate({"a": small_net()}, data, ["crop"], embedding=True, **quick)
    assert not np.isnan(results.outcomes.columns["a", "crop", "embedding_cosine"]).any()
    assert "accuracy" not in results.content["scores"]


def test_neighbouring_frames_of_films(small_net, quick, tmp_path):
    """Witness: the features of every frame by itself; of anchors, only of frames that both count and are neighbours."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    (tmp_path / "film").mkdir()
    for number, frame in enumerate(pixels):
        if number != 3:
            Image.fromarray(frame).save(tmp_path / "film" / f"{number}.png")
    (tmp_path / "anchors.csv").write_text("frame,label\n2,0\n6,1\n")
    network = small_net().eval()
    with torch.no_grad():
        views = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
        features = network.layer((views - 0.5) / 0.5).relu().flatten(1).double().numpy()
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    cosine = {(one, two): features[one] @ features[two] for one in range(8) for two in range(8)}
    common = {**quick, "preprocessing": ((0.5,) * 3, (0.5,) * 3), "batch_size": 2, "embedding": True}
    models = {"a": network, "late": li.TemporalAverage(network), "functional": Functional()}
    film = li.evaluate(models, li.Film(tmp_path / "film"), **common)
    frames = [0, 1, 2, 4, 5, 6, 7]
    expected = [cosine[pair] for pair in itertools.pairwise(frames)]
    for model in ("a", "late"):
        np.testing.assert_allclose(film.outcomes.columns[model, "video", "embedding_cosine"], expected, atol=1e-5)
    assert np.isnan(film.outcomes.columns["functional", "video", "embedding_cosine"]).all()
    assert "embedding_cosine" in film.table()
    anchors = li.evaluate(models, li.AnchoredFilms(tmp_path / "film", tmp_path / "anchors.csv", reach=2), **common)
    near = [[cosine[0, 1], cosine[1, 2]], [cosine[4, 5], cosine[5, 6], cosine[6, 7]]]
    for model in ("a", "late"):
        kept = {score: anchors.outcomes.columns[model, "vid_robust(k=2)", score] for score in FEATURE_SCORES}
        np.testing.assert_allclose(kept["embedding_cosine"], [np.mean(own) for own in near], atol=1e-5)
        np.testing.assert_allclose(kept["embedding_worst"], [min(own) for own in near], atol=1e-5)
    assert np.isnan(anchors.outcomes.columns["functional", "vid_robust(k=2)", "embedding_worst"]).all()


def test_an_image_without_views_has_undefined_scores(small_net, quick):
    """Of pictures of 24 and of 15 pixels only the first holds windows of 16."""
    drawn = np.random.default_rng(0)
    pictures = [
        (Image.fromarray(drawn.integers(0, 256, (side, side, 3), dtype=np.uint8)), label)
        for label, side in enumerate((24, 15))
    ]
    sweep = [{"sweep_crop": {"reach": 40}}]  # so many steps that each image is scored alone
    options = {"preprocessing": ((0.5,) * 3, (0.5,) * 3), "embedding": True, **quick}
    columns = li.evaluate({"a": small_net()}, pictures, sweep, **options).outcomes.columns
    assert {len(values) for values in columns.values()} == {2}
    assert np.isnan([values[1] for values in columns.values()]).all()
    assert 0 < columns["a", "sweep_crop(reach=40)", "embedding_cosine"][0] <= 1
