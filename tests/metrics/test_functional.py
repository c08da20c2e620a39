import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_invariance.metrics import SCORES, accuracy, agreement, mean_absolute_change, top1_change

LABELS = torch.tensor([0, 2])
# answers: image 0: 0, 0, 1, 0; image 1: 2, 2, 2, 2
LOGITS = torch.tensor(
    [
        [[3.0, 1.0, 0.0], [2.0, 1.0, 0.0], [0.0, 1.0, 0.0], [4.0, 1.0, 0.0]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 2.0], [0.0, 0.0, 3.0], [0.0, 0.0, 4.0]],
    ]
)


def by_hand(logits, labels):
    """The definitions of the four scores, one image and one pair at a time, in plain Python."""
    rows = {name: [] for name in SCORES}
    for stack, label in zip(logits.tolist(), labels.tolist(), strict=True):
        p = [[math.exp(v) / sum(math.exp(w) for w in view) for v in view] for view in stack]
        a = [view.index(max(view)) for view in stack]
        pairs = range(len(a) - 1)
        rows["accuracy"].append(sum(x == label for x in a) / len(a))
        rows["top1_change"].append(sum(a[t] != a[t + 1] for t in pairs) / len(pairs))
        rows["mean_absolute_change"].append(sum(abs(p[t][a[t]] - p[t + 1][a[t]]) for t in pairs) / len(pairs))
        rows["agreement"].append(sum(x == a[0] for x in a[1:]) / len(pairs))
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
    logits, labels = torch.randn(20, 5, 4, generator=generator), torch.arange(20) % 4
    expected = by_hand(logits, labels)[name]
    torch.testing.assert_close(SCORES[name].function(logits, labels), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", SCORES)
@given(seed=st.integers(0, 10_000), images=st.integers(1, 6), views=st.integers(2, 5))
def test_images_do_not_see_each_other(name, seed, images, views):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, views, 3, generator=generator)
    labels = torch.randint(0, 3, (images,), generator=generator)
    order = torch.randperm(images, generator=generator)
    score = SCORES[name].function
    torch.testing.assert_close(score(logits, labels)[order], score(logits[order], labels[order]))
    doubled = score(torch.cat([logits, logits]), torch.cat([labels, labels]))
    torch.testing.assert_close(doubled, score(logits, labels).repeat(2))


@given(views=st.integers(2, 6), answer=st.integers(0, 3))
def test_a_constant_classifier_is_perfectly_stable(views, answer):
    logits = torch.nn.functional.one_hot(torch.tensor(answer), 4).float().expand(3, views, 4)
    assert top1_change(logits).eq(0).all()
    assert mean_absolute_change(logits).eq(0).all()
    assert agreement(logits).eq(1).all()


@pytest.mark.parametrize("name", [name for name, score in SCORES.items() if score.views == 2])
def test_one_view_has_no_neighbour(name):
    with pytest.raises(ValueError, match="at least 2 views"):
        SCORES[name].function(torch.zeros(1, 1, 3), torch.zeros(1, dtype=torch.long))


def test_flat_logits_are_refused():
    with pytest.raises(ValueError, match="images, views, classes"):
        top1_change(torch.zeros(4, 3))
