import pytest
import torch
import torchvision.transforms.v2.functional as T

from lit_invariance.protocols import generator_for
from lit_invariance.protocols.room import room_for, two_places, window
from lit_invariance.protocols.view import Resizing, render


@pytest.mark.parametrize(("size", "room"), [(224, 32), (299, 43), (64, 9), (32, 5), (8, 2), (2, 2)])
def test_room(size, room):
    assert room_for(size) == room


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 333), (256, 256), (1200, 801), (227, 227), (20, 31)])
def test_is_a_window_of_torchvisions_square(height, width):
    """Witness: torchvision's resize-256 and centre-crop-256; the last two pictures are enlarged."""
    picture = torch.rand(3, height, width)
    square = T.center_crop(T.resize(picture, [256], antialias=True), [256, 256])
    for down, right in [(0, 0), (32, 32), (5, 17)]:
        (view,) = render(picture, [window(height, width, 224, 32, down, right)], 224, (0, 0, 0), Resizing("bilinear"))
        torch.testing.assert_close(view, square[:, down : down + 224, right : right + 224], atol=1e-5, rtol=0)


def test_two_places_are_uniform_and_never_the_same():
    pairs = [two_places(0, 1, generator_for(0, "room", index)) for index in range(2400)]
    assert all(first != second for first, second in pairs)
    counts = dict.fromkeys(map(tuple, pairs), 0)
    for first, second in pairs:
        counts[first, second] += 1
    assert len(counts) == 12  # ordered pairs of different points among four
    assert min(counts.values()) > 140  # 200 each, standard deviation 13.5
