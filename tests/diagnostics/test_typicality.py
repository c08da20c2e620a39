import json

import numpy as np
import pytest
import scipy.spatial.distance
import torch
from scipy import stats

from lit_invariance.diagnostics.perceptual import Embedding
from lit_invariance.diagnostics.typicality import measure_typicality, rank_correlations, relate_typicality

NAMED = {"distance": "planted", "neighbours": 10}


def planted(count, slope, seed):
    """Answers that change with a probability that grows with distance, or does not."""
    draw = np.random.default_rng(seed)
    distances = draw.gamma(4.0, size=count)
    probability = 0.3 + slope * (stats.gamma(4.0).cdf(distances) - 0.5)
    return distances, (draw.random(count) < probability).astype(float)


def test_planted_correlation_is_found():
    distances, changes = planted(1000, 0.5, 0)
    result = relate_typicality(distances, changes, **NAMED)
    assert result["low"] > 0
    assert result["correlation"] == pytest.approx(stats.spearmanr(distances, changes).statistic)
    means = [part["change"] for part in result["bins"]]
    assert means == sorted(means)
    # The mean probability of the first and of the last fifth, .1 and .9 of the way.
    assert means[0] == pytest.approx(0.1, abs=0.07)
    assert means[-1] == pytest.approx(0.5, abs=0.11)
    assert json.loads(json.dumps(result)) == result


def test_none_is_reported_where_there_is_none():
    """The interval leaves 0 out in one data set of twenty; 8 of 60 or more would be 1 in 100."""
    results = [relate_typicality(*planted(150, 0.0, seed), **NAMED) for seed in range(60)]
    assert sum(result["low"] > 0 or result["high"] < 0 for result in results) <= 7


def test_interval_is_scipys_percentile_bootstrap():
    distances, changes = planted(200, 0.5, 1)
    expected = stats.bootstrap(
        (distances, changes),
        lambda one, other: stats.spearmanr(one, other).statistic,
        paired=True,
        vectorized=False,
        n_resamples=400,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    result = relate_typicality(distances, changes, **NAMED)
    assert (result["low"], result["high"]) == pytest.approx((expected.low, expected.high), abs=0.03)


def test_bins_are_a_partition_by_distance():
    distances = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    result = relate_typicality(distances, np.array([1.0, 0, 1, 0, 0.5]), bins=2, **NAMED)
    assert [(part["nearest"], part["farthest"], part["images"]) for part in result["bins"]] == [(1, 3, 3), (4, 5, 2)]
    assert [part["change"] for part in result["bins"]] == pytest.approx([0.5 / 3, 1])
    assert result["correlation"] == pytest.approx(stats.spearmanr(distances, [1, 0, 1, 0, 0.5]).statistic)


def test_rank_correlation_of_constants_is_none():
    result = relate_typicality(np.arange(6.0), np.zeros(6), bins=2, **NAMED)
    assert (result["correlation"], result["low"], result["high"]) == (None, None, None)
    assert rank_correlations(np.zeros((1, 3)), np.arange(3.0)[None]).tolist() == [0]


def test_distance_is_that_of_the_standard_views(noise_batches):
    """Pictures of the views' own size, which the standard view shows as they are."""
    test, train = noise_batches(20, 8, seed=1), noise_batches(30, 8, seed=2)
    changes = np.random.default_rng(0).random(20)
    embedding = Embedding("pixels", torch.nn.Flatten())
    result = measure_typicality(embedding, test, lambda: train, changes, size=8, neighbours=3)
    flat = [torch.cat([torch.stack(batch.images) for batch in part]).flatten(1) / 255 for part in (test, train)]
    between = scipy.spatial.distance.cdist(*(part.double().numpy() for part in flat), "sqeuclidean")
    distances = np.sort(between)[:, :3].mean(1)
    assert result["correlation"] == pytest.approx(stats.spearmanr(distances, changes).statistic)
    assert [part["images"] for part in result["bins"]] == [4] * 5
    assert result["bins"][0]["nearest"] == pytest.approx(distances.min(), rel=1e-5)
    assert (result["distance"], result["neighbours"]) == ("pixels", 3)


def test_refused():
    with pytest.raises(ValueError, match="of the same images"):
        relate_typicality(np.arange(5.0), np.arange(4.0), **NAMED)
    with pytest.raises(ValueError, match="5 bins need at least as many images, not 4"):
        relate_typicality(np.arange(4.0), np.arange(4.0), **NAMED)
