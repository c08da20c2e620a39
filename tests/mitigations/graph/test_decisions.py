import pytest
import torch
from torch import nn

from lit_invariance.mitigations.graph.actions import Densify, Leave, ReplacePool
from lit_invariance.mitigations.graph.decisions import Site, decide
from lit_invariance.mitigations.graph.strided_ops import Strided, strided_places
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d


@pytest.fixture
def site() -> Site:
    return Site("blur", False, lambda stride, channels: BlurPool2d(3, stride), residual=False, forwards={})


@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 2), nn.Conv2d(4, 4, 3, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 1, 2)
    )


def test_a_decision_is_a_value_that_touches_nothing(network: nn.Module, site: Site) -> None:
    before = repr(network)
    stem, dense, pool, pointwise = (decide(place, site, ()) for place in strided_places(network))
    assert isinstance(stem, Leave)
    assert isinstance(dense, Densify)
    assert (dense.layer, dense.kept, list(dense.before), list(dense.behind)) == ("1", (1, 1), [], ["2"])
    assert isinstance(pool, ReplacePool)
    assert (pool.layer, pool.pooled.dense.stride, pool.pooled.downsampling.stride) == ("3", 1, (2, 2))
    assert isinstance(pointwise, Densify)
    assert list(pointwise.before) == ["4"]
    assert repr(network) == before


def test_a_layer_that_reads_through_a_filter_gets_no_second_one(network: nn.Module, site: Site) -> None:
    *_, place = strided_places(network)
    action = decide(place, site, {"4"})
    assert isinstance(action, Densify)
    assert (list(action.before), list(action.behind)) == ([], ["4"])


def test_an_action_does_what_it_says(network: nn.Module, site: Site) -> None:
    images = torch.randn(1, 3, 33, 33)
    place: Strided = strided_places(network)[1]
    action = decide(place, site, ())
    assert str(action.change) == ("1: 3x3 convolution, stride 2 -> 1, blur of stride 2 behind 2 (cumulative stride 4)")
    dense = nn.functional.conv2d(network[0](images), network[1].weight, network[1].bias)
    expected = network[4](network[3](BlurPool2d(3)(dense.relu())))
    action.apply(network)
    torch.testing.assert_close(network(images), expected)
