import torch
from torch import Tensor, nn

from lit_invariance.mitigations.graph.lattices import lattices_of
from lit_invariance.mitigations.graph.strided_ops import strided_places
from lit_invariance.mitigations.graph.tracing import trace


class Meeting(nn.Module):
    """Two steps on one way and two on the other, then one step alone and a summary of all."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("left", "right", "left2", "right2", "alone"):
            setattr(self, name, nn.Conv2d(3, 3, 3, stride=2, padding=1))
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, images: Tensor) -> Tensor:
        left, right = self.left(images), self.right(images)
        early = self.pool(left) + left.mean((2, 3), keepdim=True)
        both = torch.cat([self.left2(left.relu()), self.right2(right).mean(1, keepdim=True)], 1)[:, :3]
        alone = self.alone(both)
        return self.pool(alone * early).flatten(1)


def test_branches_that_meet_share_every_step_before() -> None:
    network = Meeting()
    lattices = lattices_of(trace(network), strided_places(network))
    assert [lattice.members for lattice in lattices] == [["left", "right"], ["left2", "right2"], ["alone"]]
    assert lattices[1].before is not None
    assert lattices[1].before.found() is lattices[0]


class Late(nn.Module):
    """The second branch meets the third before the first."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("first", "second", "third"):
            setattr(self, name, nn.Conv2d(3, 3, 3, stride=2, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        first, second, third = self.first(images), self.second(images), self.third(images)
        return torch.add(third, second).relu() * first


def test_members_stand_in_the_order_of_the_forward_pass() -> None:
    network = Late()
    lattices = lattices_of(trace(network), strided_places(network))
    assert [lattice.members for lattice in lattices] == [["first", "second", "third"]]


class Unlike(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.once = nn.Conv2d(3, 3, 3, stride=4, padding=1)
        self.twice = nn.Sequential(nn.Conv2d(3, 3, 3, stride=2, padding=1), nn.Conv2d(3, 3, 3, stride=2, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        return self.once(images) + self.twice(images)


def test_unlike_steps_that_meet_stay_apart() -> None:
    network = Unlike()
    lattices = lattices_of(trace(network), strided_places(network))
    assert [lattice.members for lattice in lattices] == [["once"], ["twice.0"], ["twice.1"]]
