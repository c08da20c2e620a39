import torch
from torch import nn

from lit_invariance.evaluation.filling import Filling
from lit_invariance.execution.executor import Executor
from lit_invariance.execution.lanes import Lanes


class Number(nn.Module):
    """Answers a view with its number, written in all its pixels, times a factor."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, views):
        return self.factor * views.mean((1, 2, 3))[:, None]


def views(*numbers):
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)


def test_logits_come_back_in_order_whatever_a_batch_holds():
    one, ten = Executor(Number(1), 2, 3), Executor(Number(10), 2, 3)
    taken = []

    def take(name):
        return lambda logits: taken.append((name, [each[:, 0].tolist() for each in logits]))

    for executor in (one, ten):
        executor.open(2, torch.no_grad)
    with Lanes(2) as lanes:
        filling = Filling(lanes, 3)
        filling.show([one, ten], views(1, 2), take("a"))
        filling.show([ten], views(7), take("other models"))
        filling.show([one, ten], torch.empty(0), take("nothing"))
        filling.show([one, ten], views(3, 4, 5, 6, 8), take("b"))
        filling.flush()
    assert [entry for entry in taken if entry[0] != "other models"] == [
        ("a", [[1, 2], [10, 20]]),
        ("nothing", []),
        ("b", [[3], [30]]),
        ("b", [[4, 5, 6], [40, 50, 60]]),
        ("b", [[8], [80]]),
    ]
    assert ("other models", [[70]]) in taken


def test_no_more_is_under_way_than_allowed():
    executor, begun = Executor(Number(1), 2, 2), []
    executor.open(1, torch.no_grad)
    with Lanes(1) as lanes:
        filling = Filling(lanes, 1)
        for number in range(10):
            filling.show([executor], views(number), lambda logits, number=number: begun.append(number))
            assert number - len(begun) <= 3  # a batch under way, and less than one waiting
        filling.flush()
    assert begun == list(range(10))
