import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_invariance.errors import UserError
from lit_invariance.mitigations.graph.strided_ops import strided_places


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.act = nn.ReLU()
        self.left = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.right = nn.Conv2d(8, 8, 1, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.shared = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)

    def forward(self, images: Tensor) -> Tensor:
        stem = F.relu(self.act(self.stem(images)))
        both = F.relu(self.norm(self.left(stem))) + self.right(stem)
        both = self.shared(self.shared(self.up(both)))
        both = both[:, :, ::2, ::2] + both[:, :, :4, :4]
        return F.max_pool2d(F.max_pool2d(both, 2), 2, stride=1)


def test_lists_strides_in_order_with_their_readers() -> None:
    found = strided_places(Branches())
    assert [place.name for place in found] == ["stem", "left", "right", "shared", "shared", "getitem", "max_pool2d"]
    places = {place.name: place for place in found}
    assert places["stem"].readers == ("left", "right")
    assert places["stem"].first
    assert not places["left"].first
    assert places["left"].readers == places["right"].readers == ()
    assert places["shared"].calls == 2
    assert (places["max_pool2d"].layer.kernel_size, places["max_pool2d"].stride) == (2, (2, 2))
    assert (places["getitem"].layer.kernel_size, places["getitem"].layer.stride) == (1, (2, 2))
    assert [place.cumulative for place in found] == [(each, each) for each in (2, 4, 4, 4, 8, 16, 32)]
    assert {place.channels for place in found} == {8}
    assert places["left"].chain == ("norm", "left")
    assert places["left"].activated
    assert not places["left"].complete  # its activation is a function call


def test_output_is_no_reader() -> None:
    (place,) = strided_places(nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU()))
    assert place.readers == ()


def test_network_with_data_dependent_course_is_named() -> None:
    class Unsteady(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images if images.sum() > 0 else -images

    with pytest.raises(UserError, match=r"Unsteady cannot be traced with torch\.fx"):
        strided_places(Unsteady())


def test_the_network_is_not_changed() -> None:
    network = Branches().eval()
    images = torch.randn(1, 3, 64, 64)
    before = network(images)
    strided_places(network)
    assert torch.equal(network(images), before)
