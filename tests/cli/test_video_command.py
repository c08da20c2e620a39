import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from lit_invariance.cli.evaluate import evaluate
from lit_invariance.data.video import Film
from lit_invariance.errors import UserError
from lit_invariance.evaluation.blocks import block_length, in_blocks
from lit_invariance.evaluation.film import class_name, find_class, frame_view, measure_film
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.evaluation.runner import make_trainer
from lit_invariance.evaluation.statistics import bootstrap, resample_counts
from lit_invariance.evaluation.summary import summarise
from lit_invariance.evaluation.video import FilmMeasurement, Track
from lit_invariance.metrics import SET_SCORES
from lit_invariance.protocols import CentreCrop, generator_for
from lit_invariance.results.outcomes import Outcomes, load_outcomes
from lit_invariance.results.reading import read_results

QUICK = ["--accelerator", "cpu", "--progress", "false", "--cost", "false"]


def write_frames(folder, count, size=(24, 18)):
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (count, size[1], size[0], 3), dtype=np.uint8)
    for number, frame in enumerate(pixels):
        Image.fromarray(frame).save(folder / f"{number}.png")
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    "view", [{}, {"crop_pct": 0.875}, {"rounding": "uint8"}, {"crop_pct": 0.5, "rounding": "uint8"}]
)
def test_frames_are_shown_as_the_options_of_centre_crop_say(pixel_model, tmp_path, view):
    """A frame of 18 rows is shown as it is unless it is enlarged to the standard size; witness: the protocol itself."""
    frames, model = write_frames(tmp_path / "film", 4), pixel_model("a")
    options = {"centre_crop": view}
    results = compare_film(tmp_path / "film", model, frame_view(choose_protocols([options])))
    crop = CentreCrop(size=16, mean=(0.5,) * 3, **view)
    expected = [int(model.classifier(crop(frame, generator_for(0, "", 0))).argmax()) for frame in frames]
    assert results.outcomes.answers["a", "video"].predictions[:, 0].tolist() == expected[:-1]
    assert results.protocols[0]["options"] == view


def compare_film(path, model, view):
    return measure_film(Film(path), None, [model], 10, make_trainer("cpu", 1, "32-true", False), 2, view)


def test_what_shows_a_frame_is_centre_crop_alone():
    assert frame_view(choose_protocols(["paper"])).options == {}
    assert frame_view(choose_protocols(["centre_crop"])).options == {}
    for protocols, named in ((["crop"], "crop"), (["centre_crop", "embed_black"], "embed_black"),
                             ([{"centre_crop": {"crop_pct": 1.0}}, "centre_crop"], "several")):  # fmt: skip
        with pytest.raises(UserError, match=f"shown by one centre_crop, not by {named}; give --protocols"):
            frame_view(choose_protocols(protocols))


class TestMeasurement:
    @pytest.fixture(autouse=True)
    def without_gradients(self):
        with torch.inference_mode():
            yield

    @pytest.mark.parametrize("batch", [1, 2, 3, 7, 20])
    def test_scores_are_those_of_the_definition_however_the_film_is_cut(self, pixel_model, tmp_path, batch):
        """Witness: the definitions of PROTOCOLS section 1, written out for each pair."""
        frames = list(torch.rand(7, 3, 16, 20, generator=torch.Generator().manual_seed(0)))
        models = [pixel_model("a"), pixel_model("b", seed=1, image_size=8)]
        measurement = FilmMeasurement(models, label=3, scratch=tmp_path)
        with torch.inference_mode():
            for start in range(0, 7, batch):
                measurement.predict_step(frames[start : start + batch], start)
            outcomes = measurement.outcomes()
            for model in models:
                crop = CentreCrop(size=model.classifier.image_size)
                views = torch.cat([crop(frame, generator_for(0, "", 0)) for frame in frames])
                probabilities = model.classifier(views).softmax(-1).double()
                answers = probabilities.argmax(-1).tolist()
                for pair in range(6):
                    first, second = answers[pair], answers[pair + 1]
                    change = (probabilities[pair, first] - probabilities[pair + 1, first]).abs().item()
                    got = [
                        outcomes.columns[model.name, "video", score][pair]
                        for score in ("accuracy", "top1_change", "mean_absolute_change")
                    ]
                    assert got == pytest.approx(
                        [((first == 3) + (second == 3)) / 2, float(first != second), change], abs=1e-6
                    )
                said = outcomes.answers[model.name, "video"]
                assert said.predictions.tolist() == [answers[pair : pair + 2] for pair in range(6)]
                np.testing.assert_allclose(said.true_probability[:, 1], probabilities[1:, 3], atol=1e-6)
                np.testing.assert_allclose(said.top_probability[:, 0], probabilities[:-1].amax(-1), atol=1e-6)
                kept = measurement.tracks[model.name].probabilities(range(10))
                np.testing.assert_allclose(kept, probabilities.numpy(), atol=1e-6)
        assert any(0 < values.mean() < 1 for of, values in outcomes.columns.items() if of[2] == "top1_change")

    def test_without_a_label_there_is_no_accuracy(self, pixel_model, tmp_path):
        measurement = FilmMeasurement([pixel_model("a")], label=None, scratch=tmp_path)
        measurement.predict_step(list(torch.rand(3, 3, 16, 16)), 0)
        assert {score for _, _, score in measurement.outcomes().columns} == {"top1_change", "mean_absolute_change"}

    def test_a_single_frame_is_refused(self, pixel_model, tmp_path):
        measurement = FilmMeasurement([pixel_model("a")], label=0, scratch=tmp_path)
        measurement.predict_step([torch.rand(3, 16, 16)], 0)
        with pytest.raises(UserError, match="only one frame"):
            measurement.outcomes()

    def test_logits_that_are_not_finite_are_refused(self, pixel_model, tmp_path):
        model = pixel_model("a")
        model.classifier.weight.data[:] = torch.nan
        with pytest.raises(UserError, match="model a gives logits that are not finite"):
            FilmMeasurement([model], label=None, scratch=tmp_path).predict_step([torch.rand(3, 16, 16)], 0)


def test_the_classes_that_are_shown(tmp_path):
    track = Track(4, tmp_path / "probabilities")
    track.add(torch.eye(6)[[2, 2, 2, 1, 1, 0, 3, 2]])
    assert track.shown_classes(3) == [4, 2, 1]
    assert track.shown_classes(9) == [4, 2, 1, 0, 3]


class TestBlocks:
    def outcomes(self, values):
        rows = np.arange(len(values))
        return Outcomes(rows, rows, {("a", "video", "top1_change"): np.asarray(values, float)}, {})

    @pytest.mark.parametrize(
        ("rows", "length", "blocks"), [(12, 3, 4), (13, 3, 4), (279, 17, 16), (3, 2, 2), (1, 1, 1)]
    )
    def test_the_mean_is_kept(self, rows, length, blocks):
        values = np.random.default_rng(0).random(rows)
        joined = in_blocks(self.outcomes(values), length)
        assert len(joined.matrix()) == blocks
        assert bootstrap(joined.matrix(), 0, weights=joined.weights).mean[0] == pytest.approx(values.mean())

    def test_resampled_means_are_those_of_the_rows_of_the_drawn_blocks(self):
        """Witness: for each resample the rows of the drawn blocks, put one after the other, and their plain mean."""
        values = np.random.default_rng(0).random(47)
        joined = in_blocks(self.outcomes(values), 6)
        parts = np.array_split(values, 7)
        assert {len(part) for part in parts} == {6, 7}
        resampled = bootstrap(joined.matrix(), seed=3, resamples=50, weights=joined.weights).resampled[:, 0]
        (counts,) = resample_counts(7, seed=3, resamples=50)
        for mean, drawn in zip(resampled, counts.astype(int), strict=True):
            rows = np.concatenate([part for part, times in zip(parts, drawn, strict=True) for _ in range(times)])
            assert mean == pytest.approx(rows.mean())

    def test_blocks_of_unequal_length_leave_a_share_a_share(self):
        values = np.ones(279)
        values[140] = 0
        joined = in_blocks(self.outcomes(values), 17)
        found = summarise(joined, "a", seed=0)[0]
        assert found["mean"] == pytest.approx(278 / 279)
        assert 0.97 < found["low"] < found["mean"] < found["high"] <= 1
        always = summarise(in_blocks(self.outcomes(np.ones(279)), 17), "a", seed=0)[0]
        assert (always["mean"], always["high"]) == (1, 1)

    def test_intervals_hold_what_they_promise_where_frames_are_alike(self):
        """A signal that stays for about ten frames: single rows cover its mean in far fewer than 95 % of cases."""
        random = np.random.default_rng(0)
        covered = {"rows": 0, "blocks": 0}
        for _ in range(200):
            values = np.repeat(random.random(41) < 0.3, 10)[random.integers(10) :][:400]
            for name, of in (("rows", self.outcomes(values)), ("blocks", in_blocks(self.outcomes(values), 20))):
                found = bootstrap(of.matrix(), seed=0, resamples=499, weights=of.weights).intervals()
                covered[name] += found.low[0] <= 0.3 <= found.high[0]
        assert covered["rows"] < 120
        assert covered["blocks"] > 170

    def test_length(self):
        assert [block_length(pairs) for pairs in (1, 79, 279)] == [1, 9, 17]


class TestLabel:
    @pytest.mark.parametrize(("text", "output"), [(89, 89), ("89", 89), ("n01819313", 89)])
    def test_found(self, text, output):
        assert find_class(text, 1000) == output

    @pytest.mark.parametrize(
        ("text", "classes", "message"),
        [
            (1000, 1000, "--video_label 1000 is not a class .* from 0 to 999"),
            ("n01819314", 1000, "unknown synset 'n01819314'; did you mean"),
            ("n01819313", 10, "--video_label n01819313 is not a class .* from 0 to 9"),
        ],
    )
    def test_refused(self, text, classes, message):
        with pytest.raises(UserError, match=message):
            find_class(text, classes)

    def test_names(self):
        assert class_name(89, 1000) == "89 sulphur-crested cockatoo"
        assert class_name(3, 10) == "class 3"


class TestCommand:
    def test_a_folder_of_frames_and_two_checkpoints(self, save_run, in_folder, capsys):
        save_run("plain")
        save_run("aa", mitigations=["blurpool"])
        write_frames(in_folder / "frames", 12)
        evaluate([*QUICK, "--video", "frames", "--video_label", "3", "--data.batch_size", "5"])
        results = read_results(Path("results/results.json"))
        assert (results["images"], results["samples"]) == (11, "frame pairs")
        assert results["data"] == {
            "video": "frames",
            "video_label": 3,
            "classes": 10,
            "max_images": None,
            "frames_lacking": 0,
        }
        assert [row["score"] for row in results["rows"]][:3] == ["accuracy", "top1_change", "mean_absolute_change"]
        outcomes = load_outcomes(Path("results/outcomes.npz"))
        assert outcomes.indices.tolist() == list(range(11))
        for row in results["rows"]:
            if row["score"] not in SET_SCORES:  # of which there is no value a pair
                assert row["mean"] == pytest.approx(outcomes.columns[row["model"], "video", row["score"]].mean())
        printed = capsys.readouterr().out
        assert "video: 2 views of each of 11 frame pairs" in printed
        assert "bootstrap over blocks of 4 neighbouring frame pairs" in printed
        assert "difference from plain, on the same frame pairs" in printed
        for name in ("plain", "aa"):
            with Path(f"results/video_{name}.csv").open(newline="") as file:
                head, *rows = csv.reader(file)
            assert head[:2] == ["frame", "class 3"]
            assert len(head) <= 6
            assert [int(row[0]) for row in rows] == list(range(12))
            assert all(0 <= float(value) <= 1 for row in rows for value in row[1:])
            assert Path(f"results/video_{name}.png").stat().st_size > 2000
            assert Path(f"results/video_{name}.svg").is_file()
        page = Path("results/report.html").read_text()
        assert "bootstrap over blocks of 4 neighbouring frame pairs" in page
        assert "11 pairs, of 12 frames" in page
        assert page.count("Probability of the top classes of") == 2
        before = {path.name: path.read_bytes() for path in Path("results").glob("video_*")}
        for path in Path("results").glob("video_*"):
            path.unlink()
        evaluate(["--from", "results"])
        assert {path.name: path.read_bytes() for path in Path("results").glob("video_*")} == before
        assert "Probability of the top classes of" in Path("results/report.html").read_text()

    def test_max_images_is_a_number_of_frames(self, save_run, in_folder):
        save_run("plain")
        write_frames(in_folder / "frames", 9)
        evaluate([*QUICK, "--video", "frames", "--max_images", "4", "--data.batch_size", "3"])
        assert read_results(Path("results/results.json"))["images"] == 3
        with pytest.raises(UserError, match="max_images is 0; for a film it is the number of frames"):
            evaluate([*QUICK, "--video", "frames", "--max_images", "0"])

    def test_a_film_that_is_cut_off_is_told_in_the_results_as_well(self, save_run, in_folder, write_film):
        save_run("plain")
        film = write_film(in_folder / "film.avi", 40)
        film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
        with pytest.warns(UserWarning, match="film.avi states 40 frames, but only .* be decoded: it is cut off"):
            evaluate([*QUICK, "--video", "film.avi"])
        results = read_results(Path("results/results.json"))
        assert results["data"]["frames_lacking"] == 40 - (results["images"] + 1) > 15

    def test_a_file_without_a_label(self, save_run, in_folder, write_film, capsys):
        save_run("plain")
        write_film(in_folder / "film.avi", 9)
        evaluate([*QUICK, "--video", "film.avi", "--output", "out"])
        results = read_results(Path("out/results.json"))
        assert results["images"] == 8
        assert set(results["scores"]) == {"top1_change", "mean_absolute_change", "error_consistency"}
        assert {path.name for path in Path("out").glob("*.png")} == {"scores_video.png", "video_plain.png"}
        assert "no labels: accuracy is not measured" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--video", "absent.mp4"], "there is no film absent.mp4"),
            (["--video", "frames", "--devices", "2"], "a film is evaluated on one device; leave --devices"),
            (["--video_label", "3"], "name the film with --video"),
            (["--video", "frames", "--video_label", "10"], "--video_label 10 is not a class"),
            (["--video", "frames", "--diagnose", "size"], "diagnostics need the pictures of a data set"),
        ],
    )
    def test_refused(self, save_run, in_folder, arguments, message):
        save_run("plain")
        write_frames(in_folder / "frames", 1)
        with pytest.raises(UserError, match=message):
            evaluate([*QUICK, *arguments])


def test_real_film(shared_data, in_folder):
    """80 frames of a bus; witness: Pillow and torchvision without this program, to one pair of 79."""
    weights, frames = shared_data / "weights" / "mobilenet_v2-eadb7c0d.pth", shared_data / "video" / "bus"
    view = "{centre_crop: {crop_pct: 0.875, rounding: uint8}}"
    models = ["--models", f"m=torchvision/mobilenet_v2@{weights}"]
    evaluate([*QUICK, *models, "--video", str(frames), "--protocols", view])
    rows = read_results(Path("results/results.json"))["rows"]
    network = torchvision.models.mobilenet_v2().eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    transform = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1.transforms()
    answers = []
    with torch.inference_mode():
        for frame in sorted(frames.glob("*.jpg")):
            with Image.open(frame) as picture:
                answers.append(int(network(transform(picture)[None]).argmax()))
    changed = np.mean([one != other for one, other in itertools.pairwise(answers)])
    assert rows[0]["mean"] == pytest.approx(changed, abs=1.01 / 79)
