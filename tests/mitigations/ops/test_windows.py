import itertools

import torch
import torch.nn.functional as F
from torch import nn

from lit_invariance.mitigations.ops.windows import Windows


def test_counts_are_those_of_torch() -> None:
    for kernel, stride, padding, dilation, ceil_mode in itertools.product((2, 3), (1, 2, 3), (0, 1), (1, 2), (0, 1)):
        pool = nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=bool(ceil_mode))
        for size in range(5, 14):
            expected = pool(torch.zeros(1, 1, size, size + 3)).shape[2:]
            assert Windows.of(pool).counts(size, size + 3) == tuple(expected)


def test_windows_fit_exactly_into_the_margins() -> None:
    for kernel, stride, padding, ceil_mode in itertools.product((2, 3, 5), (1, 2, 3), (0, 1), (False, True)):
        windows = Windows((kernel, kernel), (stride, stride), (padding, padding), ceil_mode=ceil_mode)
        for size in range(6, 12):
            plain = F.pad(
                torch.zeros(1, 1, size, size), windows.margins(size, size)[2:] + windows.margins(size, size)[:2]
            )
            assert F.max_pool2d(plain, kernel, stride).shape[2:] == windows.counts(size, size)
            count, (above, below, left, right) = windows.dense(size, size)
            dense = F.pad(torch.zeros(1, 1, size, size), (left, right, above, below))
            assert F.max_pool2d(dense, kernel, 1).shape[2:] == count
            assert count == tuple(stride * number for number in windows.counts(size, size))


def test_same_sized_windows_are_dense_at_every_sample() -> None:
    assert Windows((3, 7), (2, 4), (1, 3)).dense(8, 16) == ((8, 16), (1, 1, 3, 3))
    assert Windows((2, 2), (2, 2), (0, 0)).dense(8, 6) == ((8, 6), (0, 1, 0, 1))
    assert Windows((3, 3), (2, 2), (1, 1)).dense(7, 7)[0] == (8, 8)
