import pytest
import torch
import torch.nn.functional as F

from lit_invariance.protocols.resampling import KERNELS, resampled
from lit_invariance.protocols.view import FEW, Resizing, View, render

SIZES = [
    (224, 224, 100, 100),
    (40, 61, 224, 31),
    (17, 90, 17, 33),
    (90, 17, 33, 17),
    (301, 199, 97, 256),
    (3, 5, 90, 2),
]


def pictures(rows, columns, count=2):
    return torch.rand(count, 3, rows, columns, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("interpolation", list(KERNELS))
@pytest.mark.parametrize(("rows", "columns", "to_rows", "to_columns"), SIZES)
def test_what_pytorch_computes(rows, columns, to_rows, to_columns, interpolation):
    """Witness: PyTorch's own resizing, to the rounding of float32."""
    given = pictures(rows, columns)
    try:
        expected = F.interpolate(given, (to_rows, to_columns), mode=interpolation, antialias=True)
    except NotImplementedError:
        pytest.skip(f"this release of torch has no {interpolation}")
    found = resampled(list(given), to_rows, to_columns, interpolation)
    torch.testing.assert_close(found, expected, atol=5e-6, rtol=0)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_bytes_and_floats_in_any_layout(layout):
    given = (pictures(50, 70) * 255).round().byte().contiguous(memory_format=layout)
    expected = F.interpolate(given / 255, (33, 44), mode="bilinear", antialias=True)
    cut = [picture[:, 3:, 4:] for picture in F.pad(given, (4, 0, 3, 0))]
    for blocks in (list(given), list(given / 255), cut):
        torch.testing.assert_close(resampled(blocks, 33, 44, "bilinear"), expected, atol=5e-6, rtol=0)


def test_one_column_is_resized_along_its_rows():
    column = torch.tensor([1.0, 0.0]).view(1, 2, 1)
    (view,) = render(column, [View(0, 0, 2, 1, 3, 1, 0, 0)], (3, 1), (0,), Resizing())
    assert view[0, :, 0].tolist() == pytest.approx([1, 0.5, 0])


def test_large_and_small_pictures_meet():
    """On both sides of the size from which our own resizing takes over, a smooth picture looks alike."""
    side = int(FEW**0.5)
    ramp = torch.linspace(0, 1, 60).expand(3, 60, 60)
    small, large = (
        render(ramp, [View(0, 0, 60, 60, to, to, 0, 0)], to, (0, 0, 0), Resizing())[0] for to in (side, side + 1)
    )
    expected = [F.interpolate(ramp[None], (to, to), mode="bilinear")[0] for to in (side, side + 1)]
    torch.testing.assert_close(small, expected[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(large, expected[1], atol=1e-5, rtol=0)


def test_weights_made_without_gradients_serve_where_they_are_wanted():
    given = pictures(50, 60, 1)
    with torch.inference_mode():
        resampled(list(given), 30, 40, "bilinear")
    given.requires_grad_()
    resampled(list(given), 30, 40, "bilinear").sum().backward()
    assert given.grad.sum().item() == pytest.approx(3 * 30 * 40, rel=1e-4)
