"""What a results file holds: the schema that an evaluation writes and every report reads."""

from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from lit_invariance.metrics import SET_SCORES
from lit_invariance.results.diagnoses import Diagnostics
from lit_invariance.results.numbers import Count, Name, Number

SCHEMA = 3
SIGNIFICANCE = 0.05
Pair = Annotated[list[Count], Field(min_length=2, max_length=2)]


class CostEntry(TypedDict):
    """What a forward pass takes: see `lit_invariance.evaluation.cost.measure_cost`.

    `macs` and `latency_ms` are of one view, `latency_ms` and `peak_bytes` in batches of `batch` on `device`;
    `peak_method` is `allocator` or `tensors`; `threads` is None but on a CPU.
    """

    macs: Count
    latency_ms: Number
    peak_bytes: Count
    peak_method: Name
    batch: Count
    device: Name
    memory_format: Name
    threads: Count | None


class How(TypedDict):
    """How a model was run: see `lit_invariance.execution.executor.Executor`.

    `folded` batch normalisations went into the convolutions before them; it was `compiled` or not; it saw its views in
    batches of `batch`, of which `lanes` ran side by side.
    """

    folded: Count
    compiled: bool
    batch: Count
    lanes: Count


class Ties(TypedDict):
    """How many of a model's answers may depend on how it is run.

    Of `views` answers, `ties` have their two greatest logits within 1e-4 of each other: another way to run the same
    network may turn these round, and no others.
    """

    views: Count
    ties: Count


class ExecutorEntry(How, Ties):
    """How a model was run, and how many of its answers that may change."""


class PreprocessingEntry(TypedDict):
    """How a model was shown its pictures.

    `recipe` names the published weights whose preprocessing it is, None for the geometry that is one for all;
    `crop_pct` is the share of the resized length that the crop keeps, None where pictures are never enlarged beyond the
    input; see `lit_invariance.models.preprocessing.Preprocessing`.
    """

    recipe: Name | None
    crop_pct: Number | None
    crop_mode: Name
    interpolation: Name


class ModelEntry(TypedDict):
    """A model: name and source as given, what it is made of, its size, its forward passes for one view, and its cost.

    `image_size` is the side of its input, or rows and columns; `preprocessing` is how its pictures were prepared;
    `weights` is torchvision's name of its published weights, None where it has others; `cost` is None where it was not
    measured; `delay` is, of a film, the frames by which its answers are late, where they are averaged over time.
    """

    name: Name
    source: Name
    backbone: Name
    weights: Name | None
    mitigations: list[Any]
    translation: dict[Name, Any] | None
    parameters: Count
    image_size: Count | Pair
    preprocessing: PreprocessingEntry
    cost: CostEntry | None
    passes: Count
    executor: NotRequired[ExecutorEntry]
    delay: NotRequired[Number]


class ProtocolEntry(TypedDict):
    """A protocol: its label in the rows, name and options, the coordinates of its views, and the scores tables show.

    `reference` is the place in `steps` of the view that is not moved, where there is one.
    `view_names` say what each view is where its step does not; `against_first` is true where every view is compared
    with the first one rather than with its neighbour.
    """

    label: Name
    name: Name
    options: dict[Name, Any]
    unit: Name
    steps: Annotated[list[Number], Field(min_length=1)]
    headline: list[Name]
    reference: NotRequired[Count]
    view_names: NotRequired[list[Name]]
    against_first: NotRequired[bool]


class ScoreEntry(TypedDict):
    """A score: what the number is, and its good direction."""

    unit: Name
    higher_is_better: bool


class Row(TypedDict):
    """The mean over images of one score of one model under one protocol.

    `low` and `high` are the ends of the 95 % interval. `difference` is the mean over images of this model's score less
    the reference's, with the interval of the paired comparison; `p` is the p-value of the paired test, `p_holm` the
    same corrected for all comparisons of the protocols' headline scores, None for other scores. All five are None in
    the reference's own rows. A mean is None where the score is defined for no image, as `top1_change_given_correct` of
    a model that is never right. A score of the set, as `error_consistency`, stands in place of a mean.
    """

    model: Name
    protocol: Name
    score: Name
    mean: Number | None
    low: Number | None
    high: Number | None
    difference: Number | None
    difference_low: Number | None
    difference_high: Number | None
    p: Number | None
    p_holm: Number | None


class GroupEntry(TypedDict):
    """Runs of one config: the name they share, the models' names, and the seed of each."""

    name: Name
    members: list[Name]
    seeds: list[Count]


class GroupRow(TypedDict):
    """The mean over seeds and images of one score of a group of runs.

    `seed_deviation` is the standard deviation (n - 1) of the runs' means, the spread from one training to the next.
    `low` and `high` are what other images would change: the 95 % interval of the mean of these very runs.
    `difference` is the mean over the seeds that it shares with the reference's group of the two runs' difference, with
    the interval over images and trainings, `p` its p-value and `p_holm` that corrected for all comparisons of groups in
    the headline scores; see `lit_invariance.evaluation.seed_pairs`. They are None for the reference's group and where
    two shared seeds are lacking, and not in older files.
    """

    group: Name
    protocol: Name
    score: Name
    mean: Number | None
    seed_deviation: Number | None
    low: Number | None
    high: Number | None
    difference: NotRequired[Number | None]
    difference_low: NotRequired[Number | None]
    difference_high: NotRequired[Number | None]
    p: NotRequired[Number | None]
    p_holm: NotRequired[Number | None]


class PictureEntry(TypedDict):
    """Views of an image, kept to be looked at: windows of one picture.

    `index` is the image's position in the data set, `name` its file where it has one. `file` is the picture in the
    results folder, of `size` pixels (rows, columns) before it was scaled down. The view at place `views[n]` of the
    protocol's steps is the window of it whose first row and column are `places[n]` and which has `window` rows and
    columns. `worst` are the two neighbours of which the failure is.
    """

    protocol: Name
    index: Count
    name: Name
    file: Name
    size: Pair
    window: Pair
    views: Annotated[list[Count], Field(min_length=2)]
    places: list[Pair]
    worst: Pair


class CurveEntry(TypedDict):
    """What a model says of a film, frame by frame: the `probabilities` of `classes`, by name, a list for each frame."""

    model: Name
    film: Name
    classes: list[Name]
    probabilities: list[list[Number]]


class SeriesEntry(TypedDict):
    """A share of images for one model under one protocol, at each of several places: see `evaluation.series`.

    `mean` is the share, `low` and `high` are the ends of its interval; `spread` is the least, the greatest and the
    standard deviation of the shares of all views, also of those that are no place.
    """

    protocol: Name
    model: Name
    measure: Name
    places: list[Name]
    mean: list[Number]
    low: list[Number]
    high: list[Number]
    spread: NotRequired[Annotated[list[Number], Field(min_length=3, max_length=3)]]


class ResultsContent(TypedDict):
    """A results file; `docs/results.md` says the same for readers in other languages.

    `images` is the number of rows of the outcomes, which are `samples` where they are not images; `resampled` is what
    the bootstrap draws where that is not single images. `command` are the arguments, None after a call from Python;
    `versions` the libraries' and Python's; `data` the settings of the data set with its number of `classes` and the
    `fingerprint` of its images; `level` the coverage of the intervals; `diagnostics` what `--diagnose` measured;
    `curves` what each model says of a film; `outcomes` the SHA-256 of the `outcomes.npz` that was written with it;
    `at_chance` for each protocol the models that are not shown to be more accurate than always giving one answer;
    `clopper_pearson` the scores whose intervals are not the bootstrap's but exact ones of a share;
    `series` what some protocols say place by place; `draws` the draws of each image's geometry that its scores are
    averaged over, where there are several.
    """

    schema: Count
    command: list[Name] | None
    versions: dict[Name, Name]
    device: Name
    precision: Name
    seed: Count
    level: Annotated[Number, Field(gt=0, lt=1)]
    images: Count
    data: dict[Name, Any]
    class_names: list[Name]
    reference: Name
    models: Annotated[list[ModelEntry], Field(min_length=1)]
    protocols: Annotated[list[ProtocolEntry], Field(min_length=1)]
    scores: dict[Name, ScoreEntry]
    rows: Annotated[list[Row], Field(min_length=1)]
    groups: list[GroupEntry]
    group_rows: list[GroupRow]
    pictures: list[PictureEntry]
    diagnostics: NotRequired[Diagnostics]
    outcomes: NotRequired[Name]
    at_chance: NotRequired[dict[Name, list[Name]]]
    series: NotRequired[list[SeriesEntry]]
    draws: NotRequired[Count]
    samples: NotRequired[Name]
    resampled: NotRequired[Name]
    clopper_pearson: NotRequired[list[Name]]
    curves: NotRequired[list[CurveEntry]]


def samples(results: ResultsContent) -> str:
    """Return what the rows of the outcomes are, in the plural."""
    return results.get("samples", "images")


def is_labelled(results: ResultsContent) -> bool:
    """Tell whether the classes of the pictures were known, so that accuracy was measured."""
    return "accuracy" in results["scores"]


def scores_under(results: ResultsContent, protocol: str) -> list[str]:
    """Return the scores measured under a protocol, in their order."""
    present = {row["score"] for row in results["rows"] if row["protocol"] == protocol}
    return [score for score in results["scores"] if score in present]


def set_scores(results: ResultsContent, protocol: str) -> list[str]:
    """Return the measured scores of the set under a protocol."""
    return [score for score in scores_under(results, protocol) if score in SET_SCORES]


def headline_scores(results: ResultsContent, protocol: str) -> list[str]:
    """Return the measured scores that the table of a protocol shows."""
    entry = next(entry for entry in results["protocols"] if entry["label"] == protocol)
    return [score for score in entry["headline"] if score in scores_under(results, protocol)]


def find_row(results: ResultsContent, model: str, protocol: str, score: str) -> Row:
    """Return one row.

    Raises:
        KeyError: If there is none.
    """
    for row in results["rows"]:
        if (row["model"], row["protocol"], row["score"]) == (model, protocol, score):
            return row
    raise KeyError((model, protocol, score))


def is_at_chance(results: ResultsContent, model: str, protocol: str) -> bool:
    """Tell whether a model is not shown to be more accurate under a protocol than always giving one answer."""
    return model in results.get("at_chance", {}).get(protocol, ())


def is_different(row: Row | GroupRow) -> bool:
    """Tell whether a model or a group differs from the reference's, by the test corrected for all comparisons shown."""
    p = row.get("p_holm")
    return p is not None and p < SIGNIFICANCE


def estimate(row: Row | GroupRow) -> tuple[float, float, float] | None:
    """Return a row's mean with the ends of its interval; None where the score is defined for no image."""
    value, low, high = row["mean"], row["low"], row["high"]
    return None if value is None or low is None or high is None else (value, low, high)
