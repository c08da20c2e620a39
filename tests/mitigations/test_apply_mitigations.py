import copy

import pytest
import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations import BlurPool2d, antialias, apply_mitigations
from lit_invariance.models.small_resnet import SmallResNet


@pytest.fixture
def network() -> nn.Module:
    return SmallResNet(10, blocks=1, pool=True)


def test_name_with_options_reaches_the_network(network: nn.Module) -> None:
    changes = apply_mitigations(network, [{"blurpool": {"taps": 3, "padding": "circular"}}]).changes
    blurs = [layer for layer in network.modules() if isinstance(layer, BlurPool2d)]
    assert len(blurs) == len(changes) == 5
    assert {(blur.taps, blur.padding) for blur in blurs} == {(3, "circular")}


def test_bare_name_takes_the_defaults(network: nn.Module) -> None:
    plain, images = copy.deepcopy(network), torch.rand(2, 3, 24, 24)
    apply_mitigations(network, ["blurpool"])
    antialias(plain)
    assert torch.equal(network.eval()(images), plain.eval()(images))


def test_no_mitigation_changes_nothing(network: nn.Module) -> None:
    mitigated = apply_mitigations(network, [])
    assert (mitigated.changes, mitigated.losses, mitigated.wrappers) == ([], [], [])
    assert (mitigated.passes, mitigated.label_weight) == (1, 1)
    assert mitigated.infer is network


def test_wrappers_form_a_chain_in_their_order(network: nn.Module) -> None:
    """The window is chosen first, then moved about: its pixels, not the picture's, are what wraps around."""
    average = {"shift_average": {"shifts": 2, "padding": "circular"}}
    crop = {"content_crop": {"size": 8, "reach": 4}}
    images, sizes = torch.rand(3, 3, 20, 20), []

    def classify(views: Tensor) -> Tensor:
        sizes.append(views.shape[-1])
        return views.amax((2, 3)) * 50

    outer_crop = apply_mitigations(network, [crop, average], classify).infer(images)
    outer_average = apply_mitigations(network, [average, crop], classify).infer(images)
    assert sizes == [8] * 8
    chosen = apply_mitigations(network, [crop], lambda window: window).infer(images)
    # A cyclic shift of the window keeps its greatest value, a shift of the picture brings in others.
    torch.testing.assert_close(outer_crop, (chosen.amax((2, 3)) * 50).log_softmax(1))
    assert outer_average.shape == outer_crop.shape


def test_kinds_are_told_apart(network: nn.Module) -> None:
    specs = ["shift_average", {"distillation": {"label_weight": 0.5}}, "blurpool", "consistency", "content_crop"]
    mitigated = apply_mitigations(network, specs)
    assert len(mitigated.changes) == 5
    assert [loss.name for loss in mitigated.losses] == ["distillation", "consistency"]
    assert (len(mitigated.wrappers), mitigated.passes, mitigated.label_weight) == (2, 16, 0.5)


@pytest.mark.parametrize("name", ["distillation", "consistency", "shift_average", "content_align", "content_crop"])
def test_twice_is_refused(network: nn.Module, name: str) -> None:
    with pytest.raises(UserError, match=f"mitigation {name} is named twice"):
        apply_mitigations(network, [name, {name: {}}])


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ("blurpol", "did you mean blurpool"),
        ("translation", r"set data\.translation"),
        ({"translation": {}}, r"set data\.translation"),
        ({"blurpool": {"tap": 3}}, "unknown option of mitigation blurpool 'tap'; did you mean taps"),
        ({"blurpool": {"taps": 1}}, "2 to 7 taps"),
        ({"blurpool": {"padding": "mirror"}}, "unknown padding 'mirror'"),
        ({"blurpool": {}, "translation": {}}, "written as a name"),
        ({"blurpool": {"network": 3}}, "mitigation blurpool has no option network"),
        ({"content_crop": {"network": 3}}, "mitigation content_crop has no option network"),
    ],
)
def test_bad_entry_is_one_sentence(network: nn.Module, spec: object, part: str) -> None:
    with pytest.raises(UserError, match=part):
        apply_mitigations(network, [spec])  # type: ignore[list-item]


def test_the_report_says_whether_what_was_meant_to_be_exact_is(network: nn.Module) -> None:
    *changes, verdict = apply_mitigations(network, ["polyphase", "circular_padding"]).report()
    assert changes[0] == "maxpool: max pool, stride 2 -> 1, one of 4 phases kept: largest norm (cumulative stride 2)"
    assert verdict.startswith("exactly invariant to cyclic shifts")
    flat = nn.Sequential(nn.Conv2d(3, 2, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 16 * 16, 5))
    assert list(apply_mitigations(flat, ["polyphase", "circular_padding"]).report())[-1].startswith("NOT exactly")


def test_the_report_of_other_surgery_claims_nothing(network: nn.Module) -> None:
    changes = apply_mitigations(network, ["blurpool", "circular_padding"])
    assert list(changes.report()) == list(map(str, changes.changes))
