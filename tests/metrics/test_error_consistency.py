import pytest
import torch
from torch.nn.functional import one_hot
from torchmetrics.functional import cohen_kappa

from lit_invariance.metrics import ErrorConsistency


def logits_of(answers, classes=5):
    return one_hot(torch.tensor(answers), classes).float()


def kappa_of(*batches):
    metric = ErrorConsistency()
    for answers in batches:
        metric.update(logits_of(answers), torch.zeros(len(answers), dtype=torch.int64))
    return metric.compute().item()


def test_two_views_by_hand():
    """Seven of ten pairs alike; chance .5 * .4 + .3 * .3 + .2 * .3 = .35."""
    first = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]
    second = [0, 0, 0, 1, 2, 1, 1, 0, 2, 2]
    expected = (0.7 - (0.5 * 0.4 + 0.3 * 0.3 + 0.2 * 0.3)) / (1 - 0.35)
    assert kappa_of([list(pair) for pair in zip(first, second, strict=True)]) == pytest.approx(expected)


def test_three_views_are_the_kappa_of_all_neighbour_pairs():
    answers = torch.randint(0, 4, (30, 3), generator=torch.Generator().manual_seed(0))
    expected = cohen_kappa(answers[:, :-1].flatten(), answers[:, 1:].flatten(), "multiclass", num_classes=4)
    assert kappa_of(answers[:17].tolist(), answers[17:].tolist()) == pytest.approx(expected.item(), abs=1e-6)


def test_every_image_counts_alike_however_many_views_it_has():
    """Two pairs of one image weigh as much as the single pair of another: observed (1/2 + 0) / 2."""
    first, second = {0: 1.0}, {0: 0.25, 1: 0.75}
    expected = (0.25 - first[0] * second[0]) / (1 - first[0] * second[0])
    assert kappa_of([[0, 0, 1]], [[0, 1]]) == pytest.approx(expected)


def test_steady_constant_and_random_answers():
    assert kappa_of([[3, 3], [1, 1]]) == 1
    assert torch.isnan(torch.tensor(kappa_of([[2, 2, 2], [2, 2, 2], [2, 2, 2]])))
    metric = ErrorConsistency()
    metric.update(torch.empty(0, 2, 1), torch.empty(0))
    assert torch.isnan(metric.compute())
    assert kappa_of([[0, 1], [1, 0]]) == -1
    answers = torch.randint(0, 5, (20000, 2), generator=torch.Generator().manual_seed(1))
    assert kappa_of(answers.tolist()) == pytest.approx(0, abs=0.02)


def test_a_module_in_half_precision_counts_in_full():
    module = torch.nn.ModuleDict({"metric": ErrorConsistency()}).half()
    for answers in ([[0, 0, 0]], [[0, 1]], [[1, 1]], [[1, 1]]):
        module["metric"].update(logits_of(answers).half(), torch.zeros(1))
    assert module["metric"].compute().item() == 0.5
