"""What `--diagnose` measures, as it is stored in a results file: a part of its schema."""

from typing_extensions import TypedDict

from lit_invariance.results.numbers import Count, Name, Number


class LayerShiftability(TypedDict):
    """One layer: cumulative subsampling, the maps looked at, the non-shiftability of each in %, and over the maps.

    `factor` is the height of the input over the height of the map; `spread` the standard deviation over maps.
    """

    layer: Name
    factor: Number
    side: list[Count]
    channels: Count
    maps: list[Count]
    non_shiftability: list[Number]
    mean: Number
    spread: Number


class ResponseCurve(TypedDict):
    """S(d) of one map for the first image, and the moves d."""

    layer: Name
    factor: Number
    map: Count
    steps: list[Number]
    responses: list[Number]


class Shiftability(TypedDict):
    """What was measured: the moves, the number of images, the layers in the order of the forward pass.

    `curves` belong to the last layer of each subsampling factor.
    """

    protocol: Name
    unit: Name
    steps: list[Number]
    images: Count
    threshold: Number
    layers: list[LayerShiftability]
    curves: list[ResponseCurve]


class FeatureMaps(TypedDict):
    """The map at each of the moves: rows of its values, and its total response."""

    layer: Name
    map: Count
    unit: Name
    steps: list[Number]
    values: list[list[list[Number]]]
    responses: list[Number]


class StridedOperation(TypedDict):
    """One strided operation in the order of the forward pass, and the share of energy that it aliases, in [0, 1].

    `factor` is the cumulative subsampling of its input.
    """

    operation: Name
    kind: Name
    stride: list[Count]
    factor: Number
    channels: Count
    aliased: Number


class Aliasing(TypedDict):
    """All strided operations; `unseen` are those that are function calls and no layers, which hooks cannot reach."""

    images: Count
    operations: list[StridedOperation]
    unseen: list[Name]


class StridePeak(TypedDict):
    """What moves with the period of a stride, in pixels: its power, and its height with the ends of its interval.

    The height is the power over the median of the frequencies around it; it and its ends are None where nothing moves.
    """

    stride: Count
    power: Number
    height: Number | None
    low: Number | None
    high: Number | None


class Periodicity(TypedDict):
    """The spectrum of an answer's probability over cyclic moves, a pixel each.

    `moving` is the standard deviation over the moves, mean over images; `powers` are at 1, 2, .. periods within the
    `positions`, mean over images.
    """

    images: Count
    positions: Count
    moving: Number
    level: Number
    powers: list[Number]
    strides: list[StridePeak]


class LayerEquivariance(TypedDict):
    """One layer in the order of the forward pass, and its local equivariance error, 0 where it has none.

    `kind` is `strided`, or without a stride `filter` or `nonlinear`; `factor` the cumulative subsampling of its input.
    """

    layer: Name
    kind: Name
    factor: Number
    error: Number


class Equivariance(TypedDict):
    """All layers that were looked at, and by how much of a sample their input was moved."""

    images: Count
    step: Number
    layers: list[LayerEquivariance]


class Bin(TypedDict):
    """Images of like distance: its limits, their number and mean distance, and their mean change with its interval."""

    nearest: Number
    farthest: Number
    images: Count
    distance: Number
    change: Number
    low: Number
    high: Number


class Typicality(TypedDict):
    """Change against distance: bins of equal size, and the rank correlation with its interval.

    `distance` names the distance used. `correlation` and its ends are None where all images change alike.
    """

    distance: Name
    neighbours: Count
    images: Count
    level: Number
    bins: list[Bin]
    correlation: Number | None
    low: Number | None
    high: Number | None


class SizePoint(TypedDict):
    """Share of images whose class is among the first `top` answers at one size, with its interval (Wilson)."""

    size: Number
    images: Count
    accuracy: Number
    low: Number
    high: Number


class SizeAccuracy(TypedDict):
    """The curve; `human` is the size and accuracy of people, for orientation, and holds for top 5 on ImageNet."""

    top: Count
    unit: Name
    level: Number
    points: list[SizePoint]
    human: list[Number]


class Histograms(TypedDict):
    """Numbers of objects in equal bins from 0 to 1: centres as shares of the image's sides, heights of its height."""

    x: list[Count]
    y: list[Count]
    height: list[Count]


class ClassBias(TypedDict):
    """One class, whose objects are counted once an image. The p-values are corrected; None where too few were seen.

    `spread` is how far objects are from the middle of their possible positions: 1 if uniformly spread, 0 if centred.
    """

    label: Name
    objects: Count
    spread: Number | None
    p_position: Number | None
    p_height: Number | None
    histograms: Histograms


class Bias(TypedDict):
    """A data set's bias.

    `classes` were tested; of them `non_uniform_position` and `non_uniform_height` are the shares that are not uniform
    at the `level`. `left_out` are boxes without area inside their image.
    """

    test: Name
    level: Number
    objects: Count
    left_out: Count
    tested: Count
    non_uniform_position: Number | None
    non_uniform_height: Number | None
    spread: Number | None
    histograms: Histograms
    classes: list[ClassBias]


class ShownShiftability(Shiftability):
    """Shiftability with the feature map that the report shows; None where there was no curve to choose it by."""

    feature_map: FeatureMaps | None


class Diagnostics(TypedDict, total=False):
    """What was measured of each model by its name; of the data alone for `bias`."""

    shiftability: dict[Name, ShownShiftability]
    aliasing: dict[Name, Aliasing]
    periodicity: dict[Name, Periodicity]
    equivariance: dict[Name, Equivariance]
    typicality: dict[Name, Typicality]
    size: dict[Name, SizeAccuracy]
    bias: Bias
