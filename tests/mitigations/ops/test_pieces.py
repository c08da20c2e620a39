import pytest
import torch

from lit_invariance.mitigations.ops.low_pass import PADDINGS
from lit_invariance.mitigations.ops.pieces import Axis, Piece, Steps, fold, gathering, run, scattering


def matrix(axis, results, samples):
    """The filter as a matrix, (results, samples)."""
    identity = torch.eye(samples).double()[None, None]
    target = torch.full((1, 1, results, samples), torch.nan).double()
    run(axis, identity, target, 2)
    return target[0, 0]


def test_the_pieces_of_three_taps_by_hand():
    """Reflected at the left border, where the two outer taps fall on one sample; all others are alike."""
    border = Piece(0, 1, ((1, 2.0), (0, 2.0)))
    inner = Piece(1, 2, ((1, 1.0), (3, 1.0), (2, 2.0)))
    assert gathering((1.0, 2.0, 1.0), 2, 6, "reflect") == Axis(Steps(1, 2), (border, inner))


def test_a_piece_starts_with_a_weight_of_one():
    *_, inner = gathering((0.5, 1.0, 0.5), 1, 9, "zero").pieces[:2]
    assert inner == Piece(1, 7, ((1, 1.0), (0, 0.5), (2, 0.5)))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 5, 8])
@pytest.mark.parametrize("taps", [(1.0, 1.0), (1.0, 2.0, 1.0), (0.1, 0.4, 0.3, 0.2)])
def test_they_are_the_filter_and_scattering_is_its_transpose(padding, stride, size, taps):
    results = -(-size // stride)
    expected = torch.zeros(results, size).double()
    for result in range(results):
        for tap, weight in enumerate(taps):
            sample = fold(stride * result + tap - (len(taps) - 1) // 2, size, padding)
            if sample is not None:
                expected[result, sample] += weight
    torch.testing.assert_close(matrix(gathering(taps, stride, size, padding), results, size), expected)
    torch.testing.assert_close(matrix(scattering(taps, stride, size, padding), size, results), expected.T)


def test_columns_are_filtered_as_rows_are():
    maps = torch.rand(2, 3, 7, 7)
    axis = gathering((1.0, 2.0, 1.0), 2, 7, "reflect")
    rows, columns = torch.empty(2, 3, 4, 7), torch.empty(2, 3, 7, 4)
    run(axis, maps, rows, 2), run(axis, maps.mT, columns, 3)
    assert torch.equal(rows.mT, columns)


@pytest.mark.parametrize(
    ("padding", "samples"),
    [
        ("reflect", [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0]),
        ("replicate", [0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 3]),
        ("circular", [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]),
        ("zero", [None, None, None, None, 0, 1, 2, 3, None, None, None]),
    ],
)
def test_positions_outside_are_folded_back(padding, samples):
    assert [fold(position, 4, padding) for position in range(-4, 7)] == samples
