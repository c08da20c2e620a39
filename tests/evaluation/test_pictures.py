import io

import numpy as np
import pytest
import torch
from PIL import Image

from lit_invariance.evaluation.data import EvaluationData
from lit_invariance.evaluation.pictures import worst_pairs, worst_pictures, write_pictures
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.evaluation.runner import make_trainer, run
from lit_invariance.protocols import PROTOCOLS, generator_for
from lit_invariance.results.outcomes import Answers


def answers(predictions, true):
    true = np.array(true, dtype=np.float32)
    return Answers(np.array(predictions, dtype=np.int32), true, true)


def test_worst_pairs():
    said = answers(
        [[1, 1, 1], [1, 1, 2], [3, 3, 3], [-1, 4, 5], [-1, 6, -1]],
        [[0.9, 0.1, 0.1], [0.5, 0.9, 0.7], [0.2, 0.2, 0.2], [np.nan, 0.1, 0.4], [np.nan, 0.4, np.nan]],
    )
    # Changed answers first, by the jump at which they change; images without a jump, or without a pair, never.
    assert worst_pairs(said) == [(3, 1), (1, 1), (0, 0)]
    assert worst_pairs(said, most=1) == [(3, 1)]
    assert worst_pairs(answers([[1]], [[0.5]])) == []
    grid = answers([[1, 1, 2, 2]], [[0.5, 0.4, 0.9, 0.6]])
    assert (worst_pairs(grid), worst_pairs(grid, side=2)) == ([(0, 1)], [(0, 2)])
    back = answers([[1, 2, 1, 2]], [[0.9, 0.5, 0.0, 0.4]])  # the greatest jump to another answer than the first is to 3
    assert worst_pairs(back, against_first=True) == [(0, 2)]


def test_saved_views_are_those_that_were_judged(pixel_model, shapes, tmp_path):
    models, chosen, data = (
        [pixel_model("a"), pixel_model("b", seed=2)],
        choose_protocols(["centre_crop", "crop"]),
        shapes(),
    )
    outcomes, _ = run(make_trainer("cpu", 1, "32-true", False), models, chosen, EvaluationData.of(data), seed=4)
    images = data.validation_images()
    entries, files = worst_pictures(outcomes, models, chosen, "b", images, 4)
    write_pictures(files, tmp_path)
    assert [entry["protocol"] for entry in entries] == ["crop"] * 3
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == sorted(
        entry["file"].removeprefix("pictures/") for entry in entries
    )
    for entry, (row, first) in zip(entries, worst_pairs(outcomes.answers["b", "crop"]), strict=True):
        assert (entry["index"], entry["worst"], entry["views"]) == (row, [first, first + 1], [0, 1])
        image, _ = images.source[entry["index"]]
        views = PROTOCOLS["crop"](size=16, mean=(0.5,) * 3)(image, generator_for(4, "crop", entry["index"]))
        predictions = models[1].classifier(views).argmax(1)
        assert predictions.tolist() == outcomes.answers["b", "crop"].predictions[row].tolist()
        with Image.open(tmp_path / entry["file"]) as picture:
            saved = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
        assert list(saved.shape[1:]) == entry["size"]
        for (top, left), view in zip(entry["places"], views, strict=True):
            assert (saved[:, top : top + 16, left : left + 16] - view).abs().mean() < 0.06  # WebP loses something


def test_large_views_are_made_smaller(pixel_model, shapes):
    models, data = [pixel_model("a", image_size=300)], shapes(image_size=300, shapes={"val_images": 2})
    chosen = choose_protocols(["diagonal"])
    outcomes, _ = run(make_trainer("cpu", 1, "32-true", False), models, chosen, EvaluationData.of(data), seed=4)
    entries, files = worst_pictures(outcomes, models, chosen, "a", data.validation_images(), 4)
    entry = entries[0]
    assert (entry["window"], entry["size"]) == ([300, 300], [343, 343])
    with Image.open(io.BytesIO(files[entry["file"]])) as picture:
        assert picture.size == (275, 275)  # 343 * 240 / 300, rounded up


@pytest.mark.parametrize("at_once", [1, 2, 64])
def test_few_views_at_a_time(pixel_model, shapes, monkeypatch, at_once):
    monkeypatch.setattr("lit_invariance.evaluation.sheets.AT_ONCE", at_once)
    models, chosen, data = [pixel_model("a")], choose_protocols(["embed_black"]), shapes()
    outcomes, _ = run(make_trainer("cpu", 1, "32-true", False), models, chosen, EvaluationData.of(data), seed=4)
    entries, files = worst_pictures(outcomes, models, chosen, "a", data.validation_images(), 4)
    assert [entry["file"] for entry in entries] == list(files)
    assert all(len(content) > 20 for content in files.values())
