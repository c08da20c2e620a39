import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lit_invariance.api.models import find_models
from lit_invariance.data.anchored_films import AnchoredFilms
from lit_invariance.data.video import Film
from lit_invariance.errors import UserError
from lit_invariance.evaluation.anchor_pictures import worst_anchors
from lit_invariance.evaluation.film import measure_film
from lit_invariance.evaluation.geometry import Geometry
from lit_invariance.evaluation.model_sources import ModelSource
from lit_invariance.evaluation.models import Model, load_models
from lit_invariance.evaluation.proportions import clopper_pearson
from lit_invariance.evaluation.results import summarise_measured
from lit_invariance.evaluation.runner import make_trainer
from lit_invariance.evaluation.vid_robust import measure_anchors
from lit_invariance.evaluation.watching import Watching
from lit_invariance.mitigations import ContentAlign, TemporalAverage
from lit_invariance.protocols import CentreCrop, generator_for
from lit_invariance.results.outcomes import Answers

COARSE = {"low": (0, 1, 2, 3), "middle": (4, 5), "high": (7, 9)}
LINES = (("a", 5, "low"), ("a", 6, "middle|high"), ("b", 1, "high"), ("b", 4, "low"))
REACH = 2


@pytest.fixture
def films(tmp_path):
    """Two films of noise that changes slowly, so that answers stay for some frames."""
    random = np.random.default_rng(1)
    pixels = {}
    for name, count in (("a", 9), ("b", 7)):
        start, steps = random.normal(size=(1, 16, 18, 3)), random.normal(size=(count, 16, 18, 3))
        frames = 128 + 40 * np.clip(start + 0.6 * steps.cumsum(0), -3, 3)
        pixels[name] = frames.astype(np.uint8)
        (tmp_path / "films" / name).mkdir(parents=True)
        for number, frame in enumerate(pixels[name]):
            Image.fromarray(frame).save(tmp_path / "films" / name / f"{number}.png")
    rows = "".join(f"{film},{frame},{label}\n" for film, frame, label in LINES)
    (tmp_path / "anchors.csv").write_text(f"film,frame,label\n{rows}")
    classes = "".join(f"{name},{' '.join(map(str, outputs))}\n" for name, outputs in COARSE.items())
    (tmp_path / "classes.csv").write_text(classes)
    return tmp_path, pixels


def probabilities_by_hand(model, frames, delay):
    """What a model says of each frame, averaged from the first one on where there is a delay, `(frames, K)`."""
    crop = CentreCrop(size=model.classifier.image_size)
    with torch.no_grad():
        views = [crop(torch.from_numpy(frame).permute(2, 0, 1), generator_for(0, "", 0)) for frame in frames]
        said = model.classifier(torch.cat(views)).double().softmax(-1).numpy()
    if delay is not None:
        for now in range(1, len(said)):
            said[now] = (delay * said[now - 1] + said[now]) / (1 + delay)
    return said


@pytest.mark.parametrize("delay", [None, 1.5])
@pytest.mark.parametrize("batch", [1, 4, 50])
def test_every_number_by_hand(pixel_model, films, delay, batch):
    """Witness: the definition, frame by frame; the greatest of the mapped outputs decides which class is answered."""
    folder, pixels = films
    models = [Model(one.source, one.classifier, delay=delay) for one in (pixel_model("p"), pixel_model("q", seed=1))]
    anchored = AnchoredFilms(folder / "films", folder / "anchors.csv", REACH, folder / "classes.csv")
    measured = measure_anchors(anchored, models, "p", 10, make_trainer("cpu", 1, "32-true", False), batch)
    names, found = list(COARSE), set()
    for model in models:
        said = {film: probabilities_by_hand(model, frames, delay) for film, frames in pixels.items()}
        for row, (film, anchor, labels) in enumerate(LINES):
            near = [frame for frame in range(anchor - REACH, anchor + REACH + 1) if 0 <= frame < len(pixels[film])]
            greatest = {frame: [said[film][frame][list(own)].max() for own in COARSE.values()] for frame in near}
            answers = {frame: int(np.argmax(greatest[frame])) for frame in near}
            right = {frame: names[answer] in labels.split("|") for frame, answer in answers.items()}
            changes = [answers[frame] != answers[frame + 1] for frame in near[:-1]]
            expected = {
                "accuracy": np.mean(list(right.values())),
                "pm0": float(right[anchor]),
                "pm_k": float(all(right.values())),
                "gap": float(right[anchor] and not all(right.values())),
                "top1_change": np.mean(changes),
            }
            got = {s: measured.outcomes.columns[model.name, "vid_robust(k=2)", s][row] for s in expected}
            assert got == pytest.approx(expected)
            kept = measured.outcomes.answers[model.name, "vid_robust(k=2)"]
            places = [frame - anchor + REACH for frame in near]
            assert kept.predictions[row, places].tolist() == list(answers.values())
            assert (kept.predictions[row] >= 0).sum() == len(near)
            shares = {frame: np.array(values) / sum(values) for frame, values in greatest.items()}
            np.testing.assert_allclose(
                kept.top_probability[row, places], [shares[frame].max() for frame in near], rtol=1e-4
            )
            np.testing.assert_allclose(
                kept.true_probability[row, places],
                [max(shares[frame][names.index(label)] for label in labels.split("|")) for frame in near],
                rtol=1e-4,
            )
            found |= {(score, value) for score, value in expected.items() if score != "accuracy"}
    assert {("pm0", 0.0), ("pm0", 1.0), ("gap", 1.0 if delay is None else 0.0)} <= found
    assert measured.data["films"] == 2
    assert measured.class_names == names


def test_the_rows_hold_shares_of_anchors_with_exact_intervals(pixel_model, films):
    folder, _ = films
    models = [pixel_model("p"), pixel_model("q", seed=1)]
    anchored = AnchoredFilms(folder / "films", folder / "anchors.csv", REACH, folder / "classes.csv")
    measured = measure_anchors(anchored, models, "p", 10, make_trainer("cpu", 1, "32-true", False), 8)
    rows = {(row["model"], row["score"]): row for row in summarise_measured(measured, models, "p", 0).rows}
    for model in ("p", "q"):
        pm0, pm_k, gap = (rows[model, score] for score in ("pm0", "pm_k", "gap"))
        assert pm0["mean"] - pm_k["mean"] == pytest.approx(gap["mean"])
        for row in (pm0, pm_k, gap):
            assert (row["low"], row["high"]) == clopper_pearson(round(4 * row["mean"]), 4)


def test_the_worst_gaps_are_kept_to_be_looked_at(pixel_model, films):
    """Witness: the frames themselves, cropped by hand; WebP changes noise, but not beyond recognition."""
    folder, pixels = films
    answers = probabilities_by_hand(pixel_model("p"), pixels["a"], None).argmax(1).tolist()
    anchor = next(n for n in range(1, 8) if answers[n] != answers[n + 1])
    (folder / "anchors.csv").write_text(f"film,frame,label\na,{anchor},{answers[anchor]}\n")
    anchored = AnchoredFilms(folder / "films", folder / "anchors.csv", 3)
    measured = measure_anchors(anchored, [pixel_model("p")], "p", 10, make_trainer("cpu", 1, "32-true", False), 8)
    (entry,) = measured.pictures
    near = [n for n in range(max(0, anchor - 3), min(9, anchor + 4)) if answers[n] != answers[anchor]]
    distance = min(abs(n - anchor) for n in near)
    assert entry["worst"][0] == 3
    assert entry["worst"][1] - 3 in (-distance, distance)
    assert set(entry["worst"]) <= set(entry["views"])
    assert (entry["name"], entry["index"], entry["size"]) == (f"a, frame {anchor}", 0, [16 * len(entry["views"]), 16])
    with Image.open(io.BytesIO(measured.files[entry["file"]])) as picture:
        sheet = np.asarray(picture.convert("RGB"), np.float64)
    for view, (top, left) in zip(entry["views"], entry["places"], strict=True):
        shown = sheet[top : top + 16, left : left + 16].mean(2)
        alike = [np.corrcoef(shown.ravel(), frame[:, 1:17].mean(2).ravel())[0, 1] for frame in pixels["a"]]
        assert np.argmax(alike) == anchor + view - 3


def test_anchors_of_several_labels_are_not_shown(films):
    folder, _ = films
    anchored = AnchoredFilms(folder / "films", folder / "anchors.csv", REACH, folder / "classes.csv")
    said = np.array([[0, 0, 1, 1, 1]] * 4, np.int32)
    answers = Answers(said, np.ones((4, 5), np.float32), np.tile(np.float32([0, 0.1, 0.9, 0.9, 0.9]), (4, 1)))
    assert worst_anchors(anchored, answers, np.array([1.0, 1, 0, 1]), np.array([1, 1, 1, 1])) == [(0, 1), (3, 1)]


def test_without_classes_labels_are_outputs(pixel_model, films):
    folder, pixels = films
    model = pixel_model("p")
    answer = int(probabilities_by_hand(model, pixels["a"], None)[4].argmax())
    (folder / "anchors.csv").write_text(f"film,frame,label\na,4,{answer}\na,4,{answer}\n".rsplit("a,4", 1)[0])
    anchored = AnchoredFilms(folder / "films", folder / "anchors.csv", 1)
    measured = measure_anchors(anchored, [model], "p", 10, make_trainer("cpu", 1, "32-true", False), 8)
    assert measured.outcomes.columns["p", "vid_robust(k=1)", "pm0"].tolist() == [1]
    assert measured.outcomes.labels.tolist() == [answer]


@pytest.mark.parametrize(
    ("lines", "classes", "message"),
    [
        ("a,5,10\n", None, r"label of an anchor .line 2 of .*anchors.csv. 10 is not a class .* from 0 to 9"),
        ("a,5,mid\n", "classes.csv", r"unknown label of an anchor .line 2 .* 'mid'; did you mean middle"),
        ("a,5,low\n", "big.csv", "the table of classes names output 10, but the models have 10 outputs"),
    ],
)
def test_labels_that_are_no_classes(pixel_model, films, lines, classes, message):
    folder, _ = films
    (folder / "anchors.csv").write_text(f"film,frame,label\n{lines}")
    (folder / "big.csv").write_text("low,10\n")
    anchored = AnchoredFilms(folder / "films", folder / "anchors.csv", 1, classes and folder / classes)
    with pytest.raises(UserError, match=message):
        measure_anchors(anchored, [pixel_model("p")], "p", 10, make_trainer("cpu", 1, "32-true", False), 8)


def test_several_anchors_of_a_film_are_told(pixel_model, films, capsys, caplog):
    folder, _ = films
    anchored = AnchoredFilms(folder / "films", folder / "anchors.csv", 1, folder / "classes.csv")
    with caplog.at_level("INFO"):
        measure_anchors(anchored, [pixel_model("p")], "p", 10, make_trainer("cpu", 1, "32-true", False), 8)
    assert "4 in 2 films" in caplog.text
    assert "intervals are narrower than they should be" in caplog.text


class TestTemporalAverage:
    def test_a_film_is_averaged_in_its_order_behind_the_padding(self, pixel_model, films):
        """Batches of 3 are filled up to 16; witness: the recursion in float64 on every frame by itself."""
        folder, pixels = films
        plain = pixel_model("p")
        late = Model(ModelSource("late", "late"), plain.classifier, delay=3)
        measured = measure_film(
            Film(folder / "films" / "a"), None, [plain, late], 10, make_trainer("cpu", 1, "32-true", False), 3
        )
        for name, delay in (("p", None), ("late", 3)):
            said = probabilities_by_hand(plain, pixels["a"], delay)
            kept = measured.outcomes.answers[name, "video"]
            assert kept.predictions[:, 1].tolist() == said.argmax(1)[1:].tolist()
            np.testing.assert_allclose(kept.top_probability[:, 0], said.max(1)[:-1], rtol=1e-4)

    def test_every_film_begins_anew(self, pixel_model):
        model = Model(ModelSource("p", "p"), pixel_model("p").classifier, delay=3)
        frames = list(torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
        watching, alone = Watching([model]), Watching([model])
        with torch.inference_mode():
            ((_, first, _),) = watching.answers(frames[:4], [0, 0, 1, 1])
            ((_, second, _),) = watching.answers(frames[4:], [1, 2])
            ((_, film, _),) = alone.answers(frames[2:5], [7, 7, 7])
        assert torch.allclose(torch.cat([first[2:], second[:1]]), film)
        assert torch.allclose(second[1].softmax(-1), model.classifier(frames[5][None])[0].softmax(-1), atol=1e-6)

    def test_a_model_named_by_text(self, in_folder):
        source = ModelSource("m", "m", backbone="tiny_resnet", mitigations=["content_align", {"temporal_average": {}}])
        (model,) = load_models([source], 10, Geometry(image_size=16), seed=0)
        assert model.delay == 4
        assert model.describe()["delay"] == 4
        assert model.describe()["mitigations"] == ["content_align", {"temporal_average": {}}]
        assert len(model.classifier.mitigated.wrappers) == 1

    def test_named_twice(self):
        twice = ModelSource("m", "m", backbone="tiny_resnet", mitigations=["temporal_average", "temporal_average"])
        with pytest.raises(UserError, match="temporal_average is named twice"):
            load_models([twice], 10, Geometry(image_size=16), seed=0)

    def test_around_a_network_object(self):
        network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4))
        found = find_models({"m": TemporalAverage(ContentAlign(network), 2)}, None, Geometry(image_size=16))
        assert found.own["m"].delay == 2
        with pytest.raises(UserError, match="model m averages its answers over the frames .* name a film with --video"):
            found.check_not_over_time()

    def test_within_a_network_object(self):
        inner = TemporalAverage(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4)), 2)
        for network in (ContentAlign(inner), nn.Sequential(inner)):
            with pytest.raises(UserError, match="model m holds a TemporalAverage within; put it around all else"):
                find_models({"m": network}, None, Geometry(image_size=16))
