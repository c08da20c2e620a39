import pytest

from lit_invariance.errors import UserError
from lit_invariance.evaluation.protocols import choose_protocols, without_boxes
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols import PROTOCOLS, EmbedBlack


def labels(*specs):
    return [choice.label for choice in choose_protocols(specs)]


def test_paper_group():
    assert labels("paper") == ["centre_crop", "crop", "embed_black", "embed_inpaint", "scale_black"]


def test_first_version_group():
    assert labels("paper_v1") == ["centre_crop", "sweep_inpaint", "sweep_crop", "size_sweep", "scale_sweep"]


SEVEN = [f"released_script(share={share})" for share in (0.1, 0.4, 0.7, 1.0, 1.3, 1.6, 1.9)]


def test_released_script_is_a_group_of_seven_unless_it_has_options():
    assert labels("released_script") == SEVEN
    assert labels({"released_script": {"share": 0.4}}, "released_script") == [SEVEN[1], SEVEN[0], *SEVEN[2:]]
    assert labels({"released_script": {"share": 0.2}}) == ["released_script(share=0.2)"]


def test_literature_group():
    names = "crop_agreement diagonal circular circular_fractional shift_grid rings crop_fractional"
    more = "imagenet_p_translate imagenet_p_scale zero_fill object_scale preprocessing"
    assert labels("literature") == [*names.split(), *more.split()]


def test_every_protocol_is_in_all_and_can_be_built():
    choices = choose_protocols(["all"])
    assert {choice.name for choice in choices} == set(PROTOCOLS)
    assert [choice.label for choice in choices if choice.name == "released_script"] == SEVEN
    for choice in choices:
        assert choice.build(Preprocessing(mean=(0.1, 0.2, 0.3), size=64)).size == 64


def test_without_boxes_a_group_loses_what_needs_them_and_a_name_is_refused():
    chosen = choose_protocols(["literature"])
    left = without_boxes(chosen, ["literature"])
    assert [choice for choice in chosen if choice not in left] == choose_protocols(["object_scale"])
    for specs in (["object_scale"], ["literature", {"object_scale": {"scales": [0.5, 1.0]}}]):
        with pytest.raises(UserError, match="needs the boxes of the objects.*--data.boxes"):
            without_boxes(choose_protocols(specs), specs)


def test_all_leaves_out_what_is_for_square_inputs_only():
    chosen = choose_protocols(["all"], (48, 64))
    assert {choice.name for choice in choose_protocols(["all"])} - {choice.name for choice in chosen} == {
        "released_script"
    }
    for choice in chosen:
        choice.build(Preprocessing(size=(48, 64)))
    assert choose_protocols(["released_script"], (48, 64))  # what was asked for by name is refused later, in a sentence


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
    assert choice.build(Preprocessing(mean=(0.1, 0.2, 0.3), size=16)) == EmbedBlack(
        size=16, mean=(0.1, 0.2, 0.3), min_side=8
    )


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
    with pytest.raises(UserError, match="protocol embed_black"):
        choice.build(Preprocessing(size=16))
