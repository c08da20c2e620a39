import pytest
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations import BlurPool2d, apply_mitigations
from lit_invariance.small_resnet import SmallResNet


@pytest.fixture
def network() -> nn.Module:
    return SmallResNet(10, blocks=1, pool=True)


def test_name_with_options_reaches_the_network(network: nn.Module) -> None:
    changes = apply_mitigations(network, [{"blurpool": {"taps": 3, "padding": "circular"}}])
    blurs = [layer for layer in network.modules() if isinstance(layer, BlurPool2d)]
    assert len(blurs) == len(changes) == 5
    assert {(blur.taps, blur.padding) for blur in blurs} == {(3, "circular")}


def test_bare_name_takes_the_defaults(network: nn.Module) -> None:
    apply_mitigations(network, ["blurpool"])
    assert {layer.taps for layer in network.modules() if isinstance(layer, BlurPool2d)} == {4}


def test_no_mitigation_changes_nothing(network: nn.Module) -> None:
    assert apply_mitigations(network, []) == []


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ("blurpol", "did you mean blurpool"),
        ("translation", r"set data\.translation"),
        ({"translation": {}}, r"set data\.translation"),
        ({"blurpool": {"tap": 3}}, "mitigation blurpool: .*'tap'"),
        ({"blurpool": {"taps": 1}}, "2 to 7 taps"),
        ({"blurpool": {"padding": "mirror"}}, "unknown padding 'mirror'"),
        ({"blurpool": {}, "translation": {}}, "written as a name"),
    ],
)
def test_bad_entry_is_one_sentence(network: nn.Module, spec: object, part: str) -> None:
    with pytest.raises(UserError, match=part):
        apply_mitigations(network, [spec])  # type: ignore[list-item]
