import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_invariance.metrics import (
    SCORES,
    accuracy,
    agreement,
    all_agree,
    jaggedness,
    mean_absolute_change,
    top1_change,
    top1_change_given_correct,
    total_variation,
)

LABELS = torch.tensor([0, 2])
# answers: image 0: 0, 0, 1, 0; image 1: 2, 2, 2, 2
LOGITS = torch.tensor(
    [
        [[3.0, 1.0, 0.0], [2.0, 1.0, 0.0], [0.0, 1.0, 0.0], [4.0, 1.0, 0.0]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 2.0], [0.0, 0.0, 3.0], [0.0, 0.0, 4.0]],
    ]
)


def by_hand(logits, labels):
    """The definitions of the scores, one image and one pair at a time, in plain Python."""
    rows = {name: [] for name in SCORES}
    for stack, label in zip(logits.tolist(), labels.tolist(), strict=True):
        p = [[math.exp(v) / sum(math.exp(w) for w in view) for v in view] for view in stack]
        a = [view.index(max(view)) for view in stack]
        pairs = range(len(a) - 1)
        rows["accuracy"].append(sum(x == label for x in a) / len(a))
        rows["top1_change"].append(sum(a[t] != a[t + 1] for t in pairs) / len(pairs))
        rows["mean_absolute_change"].append(sum(abs(p[t][a[t]] - p[t + 1][a[t]]) for t in pairs) / len(pairs))
        rows["agreement"].append(sum(x == a[0] for x in a[1:]) / len(pairs))
        rows["all_agree"].append(float(len(set(a)) == 1))
        rows["worst_case_accuracy"].append(float(set(a) == {label}))
        rows["total_variation"].append(sum(abs(p[t + 1][label] - p[t][label]) for t in pairs))
        rows["both_correct"].append(sum(a[t] == a[t + 1] == label for t in pairs) / len(pairs))
        right = [t for t in pairs if a[t] == label]
        changed = sum(a[t + 1] != label for t in right)
        rows["top1_change_given_correct"].append(changed / len(right) if right else math.nan)
        top5 = [label in sorted(range(len(view)), key=lambda k, view=view: -view[k])[:5] for view in stack]
        rows["top5_accuracy"].append(sum(top5) / len(a))
        rows["jaggedness"].append(float(sum(top5[t] != top5[t + 1] for t in pairs)))
        rows["jaggedness_share"].append(rows["jaggedness"][-1] / len(pairs))
    return {name: torch.tensor(values) for name, values in rows.items()}


def test_counted_by_eye():
    assert accuracy(LOGITS, LABELS).tolist() == [0.75, 1.0]
    assert top1_change(LOGITS).tolist() == pytest.approx([2 / 3, 0.0])
    assert agreement(LOGITS).tolist() == pytest.approx([2 / 3, 1.0])


def test_mean_absolute_change_takes_the_class_of_the_first_view():
    # p of class 0: .9 then .2; of class 1: .1 then .8. The first view answers 0, so the change is .7 either way;
    # with a third class the choice matters: .6/.4/.0 -> .3/.1/.6 changes by .3 for class 0, by .6 for the new answer.
    stack = torch.tensor([[[0.6, 0.4, 1e-9], [0.3, 0.1, 0.6]]]).log()
    assert mean_absolute_change(stack).item() == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize("name", SCORES)
def test_agrees_with_plain_python(name):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(40, 1, 8, generator=generator) + 0.3 * torch.randn(40, 4, 8, generator=generator)
    labels = torch.arange(40) % 8
    expected = by_hand(logits, labels)[name]
    assert len(set(expected.tolist())) > 1
    torch.testing.assert_close(SCORES[name].function(logits, labels), expected, atol=1e-6, rtol=0, equal_nan=True)


@pytest.mark.parametrize("name", SCORES)
@given(seed=st.integers(0, 10_000), images=st.integers(1, 6), views=st.integers(2, 5))
def test_images_do_not_see_each_other(name, seed, images, views):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, views, 3, generator=generator)
    labels = torch.randint(0, 3, (images,), generator=generator)
    order = torch.randperm(images, generator=generator)
    score = SCORES[name].function
    torch.testing.assert_close(score(logits, labels)[order], score(logits[order], labels[order]), equal_nan=True)
    doubled = score(torch.cat([logits, logits]), torch.cat([labels, labels]))
    torch.testing.assert_close(doubled, score(logits, labels).repeat(2), equal_nan=True)


@given(views=st.integers(2, 6), answer=st.integers(0, 3))
def test_a_constant_classifier_is_perfectly_stable(views, answer):
    logits = torch.nn.functional.one_hot(torch.tensor(answer), 4).float().expand(3, views, 4)
    assert top1_change(logits).eq(0).all()
    assert mean_absolute_change(logits).eq(0).all()
    assert agreement(logits).eq(1).all()
    assert all_agree(logits).eq(1).all()
    assert total_variation(logits, torch.zeros(3, dtype=torch.long)).eq(0).all()
    assert jaggedness(logits, torch.zeros(3, dtype=torch.long)).eq(0).all()


def test_ties_go_to_the_first_class_and_keep_the_label_in_the_top_five():
    tied = torch.zeros(1, 3, 9)
    assert SCORES["accuracy"].function(tied, torch.tensor([0])).item() == 1
    assert SCORES["accuracy"].function(tied, torch.tensor([8])).item() == 0
    assert SCORES["top5_accuracy"].function(tied, torch.tensor([8])).item() == 1
    assert top1_change(tied).item() == 0


def test_jaggedness_counts_every_crossing():
    # The label is beaten by 4, 5, 4, 9 and 0 of ten classes: in, out, in, out, in.
    beaten_by = [4, 5, 4, 9, 0]
    logits = torch.stack([(torch.arange(10) <= number).float() for number in beaten_by])[None]
    logits[:, :, 0] = 0.5
    assert jaggedness(logits, torch.tensor([0])).item() == 4


def test_an_image_that_is_never_right_says_nothing_of_changes_given_correct():
    logits = torch.nn.functional.one_hot(torch.tensor([[1, 2, 1], [0, 0, 2]]), 3).float()
    never, once = top1_change_given_correct(logits, torch.tensor([0, 0])).tolist()
    assert math.isnan(never)
    assert once == 0.5


@pytest.mark.parametrize("name", [name for name, score in SCORES.items() if score.views == 2])
def test_one_view_has_no_neighbour(name):
    with pytest.raises(ValueError, match="at least 2 views"):
        SCORES[name].function(torch.zeros(1, 1, 3), torch.zeros(1, dtype=torch.long))


def test_flat_logits_are_refused():
    with pytest.raises(ValueError, match="images, views, classes"):
        top1_change(torch.zeros(4, 3))
