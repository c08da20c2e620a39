import pytest

from lit_invariance.errors import UserError
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.protocols import EmbedBlack


def labels(*specs):
    return [choice.label for choice in choose_protocols(specs)]


def test_paper_group():
    assert labels("paper") == ["centre_crop", "crop", "embed_black", "embed_inpaint", "scale_black"]


def test_first_version_group():
    assert labels("paper_v1") == ["centre_crop", "sweep_inpaint", "sweep_crop", "size_sweep", "scale_sweep"]


def test_names_groups_and_options_mix_without_repetition():
    specs = ["crop", {"embed_black": {"min_side": 8, "location": "centre"}}, "paper"]
    assert labels(*specs) == [
        "crop",
        "embed_black(min_side=8, location=centre)",
        "centre_crop",
        "embed_black",
        "embed_inpaint",
        "scale_black",
    ]


def test_options_reach_the_protocol():
    (choice,) = choose_protocols([{"embed_black": {"min_side": 8}}])
    assert choice.build(16, (0.1, 0.2, 0.3)) == EmbedBlack(size=16, mean=(0.1, 0.2, 0.3), min_side=8)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("embd_black", "did you mean embed_black"),
        ({"paper": {"min_side": 8}}, "'paper' is a group"),
        ({"crop": {}, "paper": {}}, "written as a name"),
    ],
)
def test_refused(spec, message):
    with pytest.raises(UserError, match=message):
        choose_protocols([spec])


@pytest.mark.parametrize("options", [{"min_sde": 8}, {"min_side": 900}, {"location": "left"}])
def test_refused_options(options):
    (choice,) = choose_protocols([{"embed_black": options}])
    with pytest.raises(UserError, match="protocol embed_black: "):
        choice.build(16, (0.5,) * 3)
