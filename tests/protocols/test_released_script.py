import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import RandomResizedCrop

from lit_invariance.metrics import accuracy, mean_absolute_change, top1_change
from lit_invariance.protocols import ReleasedScript, generator_for
from lit_invariance.protocols.released_script import SHARES, random_resized_crop

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

SCRIPT_SIZES = np.arange(0.1, 2.1, 0.3)


def photograph(height, width, seed=0):
    coarse = torch.rand(3, 20, 26, generator=torch.Generator().manual_seed(seed))
    smooth = nn.functional.interpolate(coarse[None], (height, width), mode="bicubic")[0].clamp(0, 1)
    return (smooth * 255).round().to(torch.uint8)


def small_network():
    """A random network that answers differently from shift to shift."""
    torch.manual_seed(3)
    layers = [nn.Conv2d(3, 8, 7, stride=8), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=4), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(16 * 7 * 7, 6)).double().eval()


def normalised(picture):
    return (picture - np.array(MEAN)[:, None, None]) / np.array(STD)[:, None, None]


def script_pairs(content, canvas=224):
    """The 8 pairs that the authors' script cuts of, or pastes from, one normalised picture `(3, side, side)`."""
    side, pairs = content.shape[-1], []
    if int((side - canvas - 1) / 2) > 0:
        centre = int((side - canvas - 1) / 2)
        for c in range(centre - 4, centre + 4):
            first = content[:, c : c + canvas, c : c + canvas]
            second = content[:, c + 1 : c + 1 + canvas, c + 1 : c + 1 + canvas]
            pairs.append((first, second))
        return pairs
    centre = int((canvas - side - 1) / 2)
    for c in range(centre - 4, centre + 4):
        first, second = np.zeros((3, canvas, canvas)), np.zeros((3, canvas, canvas))
        first[:, c : c + side, c : c + side] = content
        second[:, c + 1 : c + 1 + side, c + 1 : c + 1 + side] = content
        pairs.append((first, second))
    return pairs


def script_numbers(network, pairs, label):
    """P(top-1 change), MAC and accuracy of one picture: batch 1, pair by pair."""
    changes, distances, right = 0, 0.0, 0
    for pair in pairs:
        with torch.no_grad():
            logits = [network(torch.from_numpy(view)[None])[0].numpy() for view in pair]
        first, second = (np.exp(values - values.max()) / np.exp(values - values.max()).sum() for values in logits)
        answer = int(first.argmax())
        changes += answer != int(second.argmax())
        distances += abs(first[answer] - second[answer])
        right += answer == label
    return changes / len(pairs), distances / len(pairs), right / len(pairs)


@pytest.mark.parametrize("share", SHARES)
def test_the_same_pairs_and_the_same_numbers_as_the_script(share):
    network, protocol = small_network(), ReleasedScript(share=share, mean=MEAN)
    changes = []
    for index in range(6):
        picture = photograph(240, 300, seed=index)
        view = protocol.views(240, 300, generator_for(0, "released_script", index))[0]
        views = protocol(picture, generator_for(0, "released_script", index)).double().numpy()
        source = picture[:, view.top : view.top + view.height, view.left : view.left + view.width]
        content = nn.functional.interpolate(
            source[None] / 255, (view.to_height, view.to_width), mode="bilinear", antialias=True
        )[0]
        pairs = script_pairs(normalised(content.double().numpy()))
        assert len(pairs) == len(views) - 1 == 8
        for step, (first, second) in enumerate(pairs):
            np.testing.assert_allclose(normalised(views[step]), first, atol=5e-6)
            np.testing.assert_allclose(normalised(views[step + 1]), second, atol=5e-6)
        change, distance, right = script_numbers(network, pairs, label=2)
        with torch.no_grad():
            logits = network(torch.from_numpy(normalised(views)))[None]
        assert top1_change(logits).item() == pytest.approx(change, abs=1e-6)
        assert mean_absolute_change(logits).item() == pytest.approx(distance, abs=1e-6)
        assert accuracy(logits[:, :8], torch.tensor([2])).item() == pytest.approx(right, abs=1e-6)
        assert distance > 1e-4
        changes.append(change)
    assert 0 < np.mean(changes) < 1  # else the comparison would say little


@pytest.mark.parametrize("share", SHARES)
def test_content_is_that_of_the_scripts_transforms(share):
    """Witness: PIL's crop and resize, as torchvision's transforms use them, up to the rounding of bytes."""
    picture = photograph(240, 300)
    protocol = ReleasedScript(share=share, mean=MEAN)
    view = protocol.views(240, 300, generator_for(0, "r", 1))[0]
    image = Image.fromarray(picture.permute(1, 2, 0).numpy())
    side = 234 if share <= 1.1 else int(224 / SCRIPT_SIZES[SHARES.index(share)])
    box = (view.left, view.top, view.left + view.width, view.top + view.height)
    content = np.asarray(image.crop(box).resize((side, side), Image.Resampling.BILINEAR)).transpose(2, 0, 1) / 255
    expected = np.stack([first for first, _ in script_pairs(normalised(content))])
    views = protocol(picture, generator_for(0, "r", 1))[:8].double().numpy()
    np.testing.assert_allclose(normalised(views), expected, atol=1.01 / 255 / min(STD))


@pytest.mark.parametrize(("share", "side", "first"), [(1.3, 172, 21), (1.6, 139, 38), (1.9, 117, 49)])
def test_the_square_and_its_places(share, side, first):
    """224 / 1.6 is 140, but the script's 1.6 of `numpy.arange` lies above it."""
    views = ReleasedScript(share=share).views(300, 500, generator_for(0, "r", 0))
    assert views == [(0, 0, 300, 500, side, side, first + step, first + step) for step in range(9)]
    assert ReleasedScript(share=share).steps == tuple(range(9))


def test_windows_move_down_and_right():
    views = ReleasedScript(share=1.0).views(234, 234, generator_for(0, "r", 0))
    assert [(view.to_height, view.at_top, view.at_left) for view in views] == [(234, -c, -c) for c in range(9)]


def test_a_bright_pixel():
    picture = torch.zeros(3, 234, 234)
    picture[:, 50, 60] = 1
    lit = [view[0].nonzero().tolist() for view in ReleasedScript()(picture, generator_for(0, "r", 0))]
    assert lit == [[[50 - c, 60 - c]] for c in range(9)]


def test_the_canvas_is_the_mean_colour():
    views = ReleasedScript(share=1.6, mean=MEAN)(torch.ones(3, 100, 100), generator_for(0, "r", 0))
    for step, view in enumerate(views):
        block = view[:, 38 + step : 177 + step, 38 + step : 177 + step]
        assert block.min() == 1
        assert view.sum().item() == pytest.approx(3 * 139**2 + sum(MEAN) * (224**2 - 139**2), rel=1e-5)


def test_the_central_square_as_an_option():
    views = ReleasedScript(share=1.6, square="centre").views(300, 500, generator_for(0, "r", 0))
    assert views[0] == (0, 100, 300, 300, 139, 139, 38, 38)


@pytest.mark.parametrize("share", SHARES[:4])
@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 333), (300, 300), (100, 400), (10, 20), (20, 10)])
def test_the_crop_is_torchvisions_for_the_same_seed(share, height, width):
    for seed in range(150):
        torch.manual_seed(seed)
        expected = RandomResizedCrop.get_params(torch.empty(3, height, width), [share, share], [3 / 4, 4 / 3])
        assert random_resized_crop(height, width, share, torch.Generator().manual_seed(seed)) == tuple(expected)


@pytest.mark.parametrize("size", [16, 32, 64, 299])
@pytest.mark.parametrize("share", SHARES)
def test_other_sizes_keep_nine_views_on_the_canvas(size, share):
    views = ReleasedScript(size=size, share=share).views(60, 80, generator_for(0, "r", 0))
    assert len(views) == 9
    for view in views:
        spare = view.to_height - size if share <= 1 else size - view.to_height
        place = -view.at_top if share <= 1 else view.at_top
        assert 0 <= place <= spare
    if share > 1 and size >= 64:
        assert views[0].to_height == int(size / SCRIPT_SIZES[SHARES.index(share)])


def test_at_299_the_crop_is_in_proportion():
    assert ReleasedScript(size=299).views(400, 400, generator_for(0, "r", 0))[0][4:] == (312, 312, -2, -2)
