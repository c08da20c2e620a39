from dataclasses import replace

import pytest

from lit_invariance.fixing.choice import choose, enough
from lit_invariance.fixing.standings import Difference, Standing


def standing(name, accuracy=0.9, changes=(0.1, 0.2), loss=(0.0, -0.02, 0.02), change=-0.1):
    return Standing(name, accuracy, changes, 1.0, Difference(*loss), Difference(change, change - 0.02, change + 0.02))


PLAIN = standing("plain", change=0.0)
PROTOCOLS = ("crop", "embed_black")


def chosen(*others, labelled=True, steadier=(), plain=PLAIN):
    stand = [plain, *others]
    choice = choose(stand, labelled, lambda one, other: (one, other) in steadier, PROTOCOLS)
    return stand[choice.number].name, choice


def test_the_first_allowed_one_is_taken_where_the_pictures_do_not_tell_them_apart():
    name, choice = chosen(standing("a", changes=(0.05, 0.1)), standing("b", changes=(0.0, 0.0)))
    assert name == "a"
    assert "0.050 under crop (plain 0.100), 0.100 under embed_black (plain 0.200)" in choice.reason


def test_a_later_one_is_taken_where_the_pictures_show_it_to_be_steadier():
    assert chosen(standing("a"), standing("b"), standing("c"), steadier={("c", "a")})[0] == "c"
    assert chosen(standing("a"), standing("b"), standing("c"), steadier={("b", "a")})[0] == "b"


@pytest.mark.parametrize(("high", "allowed"), [(-0.02, False), (-0.011, False), (-0.009, True)])
def test_a_loss_counts_where_the_whole_interval_lies_more_than_a_point_below(high, allowed):
    name, choice = chosen(standing("a", loss=(-0.05, -0.08, high)))
    assert name == ("a" if allowed else "plain")
    assert ("a" in choice.refused) != allowed
    if not allowed:
        assert choice.refused["a"].startswith("loses accuracy (-.050 [-.080, ")
        assert choice.reason.startswith("Nothing helped")


def test_one_that_is_no_steadier_is_refused_however_accurate():
    assert chosen(standing("a", loss=(0.1, 0.05, 0.15), change=0.0))[1].refused == {"a": "is no steadier"}


def test_without_a_change_there_is_nothing_to_mend():
    still = standing("plain", changes=(0.0, 0.0), change=0.0)
    name, choice = chosen(standing("a"), plain=still)
    assert name == "plain"
    assert "changed none of its answers under crop and embed_black" in choice.reason


@pytest.mark.parametrize(("agreement", "allowed"), [(0.86, True), (0.84, False)])
def test_without_labels_it_may_differ_as_often_as_the_plain_network_does_from_itself(agreement, allowed):
    """The plain network changes .1 and .2 of its answers, .15 on average."""
    one = standing("a", accuracy=agreement, loss=(agreement - 1, agreement - 1.05, agreement - 0.95))
    assert chosen(one, labelled=False)[0] == ("a" if allowed else "plain")


def test_a_network_at_chance_is_never_steady():
    """A constant answer changes never: it is refused, and does not stop the search for a better one."""
    constant = replace(standing("a", accuracy=0.5, changes=(0.0, 0.0), change=-0.15), at_chance=True)
    name, choice = chosen(constant, standing("b"))
    assert name == "b"
    assert choice.refused == {"a": "is no more accurate than always giving the most common answer"}
    plain = replace(constant, name="plain", change_difference=Difference(0, 0, 0))
    assert not enough(plain, plain)
    name, choice = chosen(constant, plain=plain)
    assert name == "plain"
    assert choice.reason.endswith("and so is every other; none can be judged.")
    name, choice = chosen(standing("b", loss=(0.4, 0.3, 0.5), change=0.15), plain=plain)
    assert name == "b"
    assert "so its steadiness says nothing" in choice.reason


def test_half_of_the_changes_is_enough():
    assert enough(standing("a", changes=(0.05, 0.1)), PLAIN)
    assert not enough(standing("a", changes=(0.05, 0.11)), PLAIN)
    assert not enough(PLAIN, PLAIN)
