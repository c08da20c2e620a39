import math

import pytest
import torch

from lit_invariance.metrics.embedding import embedding_cosine, embedding_worst


def cosine(one, other):
    lengths = [math.sqrt(sum(value**2 for value in vector)) for vector in (one, other)]
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.prod(lengths)


def test_neighbouring_views_by_hand():
    features = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(0))
    pairs = [[cosine(image[t], image[t + 1]) for t in range(4)] for image in features.tolist()]
    torch.testing.assert_close(embedding_cosine(features), torch.tensor([sum(own) / 4 for own in pairs]))
    torch.testing.assert_close(embedding_worst(features), torch.tensor([min(own) for own in pairs]))
    torch.testing.assert_close(embedding_cosine(1e-3 * features), embedding_cosine(features))


def test_features_that_are_all_zero_have_no_direction():
    features = torch.tensor([[[1.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [-2.0, 0.0]]])
    for score in (embedding_cosine, embedding_worst):
        assert score(features).isnan().tolist() == [True, False]
        assert score(features)[1] == -1


def test_a_single_view_is_refused():
    with pytest.raises(ValueError, match="at least 2 views"):
        embedding_cosine(torch.ones(1, 1, 2))
