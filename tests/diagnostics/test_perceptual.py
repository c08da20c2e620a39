import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchmetrics.functional.image import learned_perceptual_image_patch_similarity
from torchvision.models import squeezenet1_1

from lit_invariance.diagnostics.neighbours import squared_distances
from lit_invariance.diagnostics.perceptual import choose_embedding, deep_features, lpips, lpips_weights
from lit_invariance.errors import UserError


def test_lpips_is_torchmetrics(monkeypatch, tmp_path):
    """With random weights where torchvision keeps the published ones, so that nothing is downloaded."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    file = lpips_weights("squeeze")
    with pytest.raises(UserError, match=r"LPIPS needs https://.*squeezenet1_1.* put it there, or use deep features"):
        lpips("squeeze")
    network = squeezenet1_1().eval()
    assert choose_embedding(network, network, "net").name == "deep features of net"
    file.parent.mkdir(parents=True)
    torch.save(squeezenet1_1().state_dict(), file)
    left, right = torch.rand(3, 3, 64, 64), torch.rand(2, 3, 64, 64)
    embedding = choose_embedding(network, network, "net")
    assert embedding.name == "LPIPS (squeeze)"
    found = squared_distances(embedding.embed(left), embedding.embed(right))
    for row in range(3):
        for column in range(2):
            pair = left[row : row + 1], right[column : column + 1]
            expected = learned_perceptual_image_patch_similarity(*pair, net_type="squeeze", normalize=True)
            assert float(found[row, column]) == pytest.approx(float(expected), abs=1e-5)
            assert expected > 1e-3


def test_unknown_network():
    with pytest.raises(UserError, match="unknown network of LPIPS 'squeez'; did you mean squeeze"):
        lpips("squeez")


def test_deep_features_follow_the_formula():
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(3, 5, 3, stride=4, padding=1), nn.ReLU(inplace=True))
    second = nn.Sequential(nn.Conv2d(5, 6, 3, stride=2, padding=1), nn.ReLU(inplace=True))
    network = nn.Sequential(first, second, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = torch.rand(2, 3, 32, 32)
    embedding = deep_features(network, network, "tiny")
    assert embedding.name == "deep features of tiny"
    expected = 0
    with torch.no_grad():
        for maps in (first(images), second(first(images))):
            unit = F.normalize(maps, dim=1)
            expected += ((unit[0] - unit[1]) ** 2).sum(0).mean()
    vectors = embedding.embed(images)
    assert vectors.shape == (2, 5 * 64 + 6 * 16)
    assert float(squared_distances(vectors, vectors)[0, 1]) == pytest.approx(float(expected), rel=1e-4)


def test_network_without_feature_maps():
    network = nn.Flatten()
    with pytest.raises(ValueError, match="flat has no feature maps"):
        deep_features(network, network, "flat").embed(torch.rand(1, 3, 8, 8))
