"""The page of the study: what each arm measures, how it differs, and where another training of it would land."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from lit_invariance.evaluation.statistics import Array, Intervals, bootstrap
from lit_invariance.experiments.benchmark.page import table
from lit_invariance.experiments.cifar10.arms import ARMS, BASE, CONTROL
from lit_invariance.report.table import number
from lit_invariance.results.reading import RESULTS, read_folder
from lit_invariance.results.schema import ModelEntry

SCORES = {
    "all": {
        "accuracy": ("centre_crop", "accuracy"),
        "border": ("zero_fill", "top1_change"),
        "circular": ("circular", "top1_change"),
        "half pixels": ("circular_fractional", "top1_change"),
        "size": ("scale_black(min_side=28)", "top1_change"),
    },
    "grid": {"worst of 9": ("shift_grid(m=1)", "worst_case_accuracy")},
}
"""Part of the measurement to column to protocol and score."""
COLUMNS = [column for columns in SCORES.values() for column in columns]
LEVEL = 0.95
FEWEST_REPEATED = 3
"""Trainings beyond the first of an arm; from fewer, a deviation is hardly known."""
HEAD = """# CIFAR-10: every mitigation on one network

Written by `make results`. All arms begin with the same network of 14 layers (`resnet14_cifar10.yaml`), trained for 40
epochs. Two only change how it is asked; the others train it for one more epoch (`tune_cifar10.yaml`) with one thing
changed. Measured on all 10,000 test pictures (`worst of 9`: on 2000 of them, chosen at random). None of them had a part
in training or in the choice of a checkpoint; only the recipe and the width were chosen by trials of earlier networks.

* **accuracy** of the picture as it is
* **border**: share of answers that change when the picture moves by one pixel and black comes in
* **circular**: the same when it is rolled by up to 3 pixels, which loses and finds nothing
* **half pixels**: the same when it is rolled by some pixels and a half
* **size**: the same when a picture of 28 px on black grows to 29 px
* **worst of 9**: share of pictures whose answer is right at all 9 shifts of a window by up to one pixel
* in brackets: 95 % interval over pictures, of the mean over seeds
"""


@dataclass(frozen=True)
class Row:
    """What was measured of an arm.

    Attributes:
        arm: Its name.
        seeds: Seeds of its trainings.
        values: For each part the per-image scores, the mean over seeds, `(N, its columns)`.
        runs: The mean over images of every training, `(seeds, columns)`.
        model: Its description.
    """

    arm: str
    seeds: list[int]
    values: dict[str, Array]
    runs: Array
    model: ModelEntry


def page(folder: Path) -> str:
    """Write the page in Markdown.

    Args:
        folder: Holds a results folder for each arm and seed, `<arm>_s<seed>`.

    Raises:
        UserError: If one cannot be read.
    """
    rows = [row for row in (_row(folder, arm) for arm in ARMS) if row is not None]
    parts = [HEAD, *_measured(rows), *_differences(rows), *_ranges(rows), *_missing(rows)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _row(folder: Path, arm: str) -> Row | None:
    """Read an arm's seeds, those whose every part is measured; None where there is none."""
    parts = [folder / part for part in SCORES]
    names = sorted(path.parent.name for path in parts[0].glob(f"{arm}_s*/{RESULTS}"))
    seeds = sorted(int(name.removeprefix(f"{arm}_s")) for name in names if name.removeprefix(f"{arm}_s").isdecimal())
    seeds = [seed for seed in seeds if all((part / f"{arm}_s{seed}" / RESULTS).is_file() for part in parts)]
    if not seeds:
        return None
    values, model = {}, None
    for part, scores in zip(parts, SCORES.values(), strict=True):
        runs = []
        for seed in seeds:
            content, outcomes = read_folder(part / f"{arm}_s{seed}")
            model = model or content["models"][0]
            runs.append(np.stack([outcomes.columns[(arm, *score)] for score in scores.values()], axis=1))
        values[part.name] = np.stack(runs)
    assert model is not None
    means = np.concatenate([runs.mean(1) for runs in values.values()], axis=1)
    return Row(arm, seeds, {part: runs.mean(0) for part, runs in values.items()}, means, model)


def _measured(rows: Sequence[Row]) -> list[str]:
    lines = []
    for row in rows:
        cells = _cells(row.values)
        lines.append([f"`{row.arm}`", ARMS[row.arm].about, str(len(row.seeds)), *cells, _cost(row.model)])
    return ["## Measured", table(["arm", "what it is", "seeds", *COLUMNS, "million MACs"], lines)]


def _cost(model: ModelEntry) -> str:
    cost = model["cost"]
    if cost is None:
        return ""
    return f"{cost['macs'] / 1e6:.1f}"


def _differences(rows: Sequence[Row]) -> list[str]:
    """Against the control, or the base where an arm was not trained; paired by picture."""
    named = {row.arm: row for row in rows}
    lines = []
    for row in rows:
        other = named.get(CONTROL if ARMS[row.arm].trained is not None else BASE)
        if other is None or other.arm == row.arm:
            continue
        apart = {part: values - other.values[part] for part, values in row.values.items()}
        lines.append([f"`{row.arm}`", f"`{other.arm}`", *_cells(apart, "+")])
    said = (
        "The same pictures, compared one by one. An interval without 0 is a difference that other test pictures would "
        "show too."
    )
    return ["## Differences", said, table(["arm", "from", *COLUMNS], lines)] if lines else []


def _cells(values: Mapping[str, Array], sign: str = "-") -> list[str]:
    """Mean and interval of every column; with sign `+` of differences."""
    found = _intervals(values, least=0.0 if sign == "-" else -1.0)
    ends = (np.concatenate([getattr(of, end) for of in found]) for end in ("mean", "low", "high"))
    return [
        f"{number(m, sign)} [{number(low, sign)}, {number(high, sign)}]" for m, low, high in zip(*ends, strict=True)
    ]


def _intervals(values: Mapping[str, Array], least: float) -> list[Intervals]:
    return [
        bootstrap(part, seed=0).intervals(bounds=(np.full(part.shape[1], least), np.ones(part.shape[1])))
        for part in values.values()
    ]


def _ranges(rows: Sequence[Row]) -> list[str]:
    """Where one more training of an arm is expected."""
    trained = [row for row in rows if ARMS[row.arm].trained is not None]
    freedom = sum(len(row.seeds) - 1 for row in trained)
    spread = freedom >= FEWEST_REPEATED
    reaches = _by_spread(trained, freedom) if spread else [np.concatenate(_widths(row)) for row in trained]
    lines = []
    for row, reach in zip(trained, reaches, strict=True):
        ends = zip(row.runs.mean(0) - reach, row.runs.mean(0) + reach, strict=True)
        lines.append([f"`{row.arm}`", *(f"{number(max(0.0, low))} to {number(min(1.0, high))}" for low, high in ends)])
    said = "One more training of an arm from the same network, with another seed, is expected within these ranges. "
    said += (
        f"They hold 95 of 100 trainings if all arms vary alike; {freedom} repeated ones gave the deviation."
        if spread
        else f"They are the intervals over pictures, twice as wide: a rule of thumb, as only {freedom} were repeated."
    )
    return ["## Training again", said, table(["arm", *COLUMNS], lines)] if trained else []


def _missing(rows: Sequence[Row]) -> list[str]:
    left = [f"`{arm}` ({ARMS[arm].about})" for arm in ARMS if arm not in {row.arm for row in rows}]
    return ["## Not yet measured", f"{', '.join(left)}: `make results` does what is missing."] if left else []


def _by_spread(trained: Sequence[Row], freedom: int) -> list[Array]:
    """Half the width of a prediction interval, from the deviation between seeds pooled over all arms."""
    squares = sum((row.runs.var(0) * len(row.seeds) for row in trained), np.zeros(len(COLUMNS)))
    quantile = float(student.ppf((1 + LEVEL) / 2, freedom))
    return [quantile * np.sqrt(squares / freedom * (1 + 1 / len(row.seeds))) for row in trained]


def _widths(row: Row) -> list[Array]:
    return [of.high - of.low for of in _intervals(row.values, least=0.0)]
