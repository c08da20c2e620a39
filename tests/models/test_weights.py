import pytest
import torch
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.models.weights import load_strictly


def network(classes=3, features=4):
    return nn.Sequential(
        nn.Conv2d(3, features, 1), nn.BatchNorm2d(features), nn.Flatten(), nn.Linear(features, classes)
    )


def test_differences_are_listed():
    state = network().state_dict()
    state["extra.weight"] = state.pop("0.weight")
    state["3.weight"] = torch.zeros(7, 4)
    with pytest.raises(UserError) as error:
        load_strictly(network(), "net", state, "'w.pth'")
    for part in (
        "'w.pth' do not fit net",
        "1 missing (0.weight)",
        "1 not in the network (extra.weight)",
        "1 of another shape (3.weight)",
    ):
        assert part in str(error.value)


def test_only_the_head_may_have_another_number_of_classes():
    source, target = network(5), network(3)
    before = target[3].weight.clone()
    load_strictly(target, "net", source.state_dict(), "w", heads=["3"])
    assert torch.equal(target[0].weight, source[0].weight)
    assert torch.equal(target[3].weight, before)
    with pytest.raises(UserError, match="of another shape"):
        load_strictly(target, "net", source.state_dict(), "w", heads=["0"])


def test_a_head_of_other_features_is_refused():
    state = network().state_dict()
    state["3.weight"] = torch.zeros(3, 9)
    with pytest.raises(UserError, match=r"1 of another shape \(3.weight\)"):
        load_strictly(network(), "net", state, "w", heads=["3"])


def test_a_head_may_be_missing_whole_but_not_in_part():
    state = network().state_dict()
    del state["3.weight"]
    with pytest.raises(UserError, match=r"1 missing \(3.weight\)"):
        load_strictly(network(), "net", state, "w", heads=["3"])
    del state["3.bias"]
    load_strictly(network(), "net", state, "w", heads=["3"])
    with pytest.raises(UserError, match="2 missing"):
        load_strictly(network(), "net", state, "w")


@pytest.mark.parametrize("metadata", [True, False])
def test_counters_of_batches_may_be_missing(metadata):
    source, target = network(), network()
    source[1].running_mean.add_(3)
    target[1].num_batches_tracked.add_(5)
    state = source.state_dict()
    state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    if metadata:
        state = type(source.state_dict())(state)
        state._metadata = source.state_dict()._metadata
    load_strictly(target, "net", state, "w")
    assert torch.equal(target[1].running_mean, source[1].running_mean)
    del state["1.running_mean"]
    with pytest.raises(UserError, match=r"1 missing \(1.running_mean\)"):
        load_strictly(target, "net", state, "w")


class Versioned(nn.Linear):
    """A layer that converts what its first version saved, and refuses what bears no version, as MNASNet does."""

    _version = 2

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata["version"] == 1:
            state_dict[prefix + "bias"] = -state_dict[prefix + "bias"]
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


@pytest.mark.parametrize(("version", "sign"), [(1, -1), (2, 1), (None, 1)])
def test_layers_are_told_the_version_they_were_saved_by(version, sign):
    source, target = nn.Sequential(Versioned(2, 2)), nn.Sequential(Versioned(2, 2))
    state = source.state_dict()
    if version is None:
        state = dict(state)
    else:
        state._metadata["0"]["version"] = version
    load_strictly(target, "net", state, "w")
    assert torch.equal(target[0].bias, sign * source[0].bias)


def test_a_layer_that_refuses_is_quoted():
    state = nn.Sequential(Versioned(2, 2)).state_dict()
    del state._metadata["0"]["version"]
    with pytest.raises(UserError, match="do not fit net: 'version'; name the backbone"):
        load_strictly(nn.Sequential(Versioned(2, 2)), "net", state, "w")


def test_a_layer_that_refuses_without_a_word_is_named_by_its_error():
    class Silent(nn.Linear):
        def _load_from_state_dict(self, *arguments):
            raise NotImplementedError

    with pytest.raises(UserError, match="do not fit net: NotImplementedError; name the backbone"):
        load_strictly(nn.Sequential(Silent(2, 2)), "net", nn.Sequential(nn.Linear(2, 2)).state_dict(), "w")
