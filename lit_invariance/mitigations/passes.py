"""Filter along rows, then along columns, as sums of shifted slices: the fastest way on a CPU.

A step of stride s along one axis is y[i] = sum over k of w[k] x[s i + k - b], for b samples of padding in front. For
one tap this is a slice of x with step s, times a number; so is its transpose, which carries gradients. Positions
outside the map are folded back into it; they are few, and each is one addition. Images go through in portions that stay
in the cache between the two axes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

PORTION = 1 << 20  # values that a portion of images may have; measured best between 2**19 and 2**21

Step = tuple[Tensor, Tensor]


def filtered(images: Tensor, taps: Sequence[float], stride: tuple[int, int], padding: str) -> Tensor:
    """Filter and subsample feature maps; `low_pass` describes arguments and result."""
    rows, columns = (-(-size // step) for size, step in zip(images.shape[2:], stride, strict=True))
    result = _empty(images, rows, columns)
    for source, target in _portions(images, result):
        between = _empty(source, rows, source.shape[3])
        _gather(source, between, 2, taps, stride[0], padding)
        _gather(between, target, 3, taps, stride[1], padding)
    return result


def spread(
    gradient: Tensor, size: tuple[int, int], taps: Sequence[float], stride: tuple[int, int], padding: str
) -> Tensor:
    """The transpose of `filtered`: from a gradient of its result to one of its images, which are (N, C, *size)."""
    result = _empty(gradient, *size)
    for source, target in _portions(gradient, result):
        between = _empty(source, source.shape[2], size[1])
        _scatter(source, between, 3, taps, stride[1], padding)
        _scatter(between, target, 2, taps, stride[0], padding)
    return result


def fold(position: int, size: int, padding: str) -> int | None:
    """The sample of the map that stands in for a position outside of it; None where a zero does."""
    if 0 <= position < size:
        return position
    if padding == "zero":
        return None
    if padding == "circular":
        return position % size
    if padding == "replicate" or size == 1:
        return min(max(position, 0), size - 1)
    return (size - 1) - abs(position % (2 * size - 2) - (size - 1))


def _portions(source: Tensor, target: Tensor) -> Iterator[Step]:
    """Some images at a time, in float32 at least; a narrower target is written when its portion is done."""
    count = max(1, PORTION * len(source) // max(1, source.numel(), target.numel()))
    for start in range(0, len(source), count):
        part, goal = source[start : start + count], target[start : start + count]
        if source.element_size() > 2:
            yield part, goal
            continue
        exact = torch.empty_like(goal, dtype=torch.float32)
        yield part.float(), exact
        goal.copy_(exact)


def _gather(source: Tensor, target: Tensor, axis: int, taps: Sequence[float], stride: int, padding: str) -> None:
    size, front = source.shape[axis], (len(taps) - 1) // 2
    torch.mul(_every(source, axis, 0, stride), taps[front], out=target)
    for tap, weight in enumerate(taps):
        shift = tap - front
        first, last = _inside(shift, size, stride, target.shape[axis])
        if shift != 0 and first <= last:
            kept = target.narrow(axis, first, last - first + 1)
            kept.add_(_some(source, axis, stride * first + shift, stride, last - first + 1), alpha=weight)
    for (near, far), weight in _outside(taps, stride, size, target.shape[axis], padding).items():
        target.select(axis, near).add_(source.select(axis, far), alpha=weight)


def _scatter(source: Tensor, target: Tensor, axis: int, taps: Sequence[float], stride: int, padding: str) -> None:
    size, front = target.shape[axis], (len(taps) - 1) // 2
    for phase in range(min(stride, size)):  # the tap that reaches every sample of a phase writes it first
        goal = _every(target, axis, phase, stride)
        if front + phase < len(taps):
            torch.mul(source.narrow(axis, 0, goal.shape[axis]), taps[front + phase], out=goal)
        else:
            goal.zero_()
    for tap, weight in enumerate(taps):
        shift = tap - front
        first, last = _inside(shift, size, stride, source.shape[axis])
        if not 0 <= shift < stride and first <= last:
            goal = _some(target, axis, stride * first + shift, stride, last - first + 1)
            goal.add_(source.narrow(axis, first, last - first + 1), alpha=weight)
    for (near, far), weight in _outside(taps, stride, size, source.shape[axis], padding).items():
        target.select(axis, far).add_(source.select(axis, near), alpha=weight)


def _inside(shift: int, size: int, stride: int, count: int) -> tuple[int, int]:
    """The first and the last of `count` results whose tap at `shift` lies inside the map."""
    return max(0, -(shift // stride)), min(count - 1, (size - 1 - shift) // stride)


def _outside(taps: Sequence[float], stride: int, size: int, count: int, padding: str) -> dict[tuple[int, int], float]:
    """The weights of samples that stand in for what lies outside the map, by result and sample."""
    weights: Counter[tuple[int, int]] = Counter()
    front = (len(taps) - 1) // 2
    for tap, weight in enumerate(taps):
        first, last = _inside(tap - front, size, stride, count)
        for result in (*range(min(first, count)), *range(max(last + 1, first), count)):
            sample = fold(stride * result + tap - front, size, padding)
            if sample is not None:
                weights[result, sample] += weight  # type: ignore[assignment]  # a Counter of floats
    return dict(weights)


def _every(maps: Tensor, axis: int, start: int, step: int) -> Tensor:
    return maps[:, :, start::step] if axis == 2 else maps[:, :, :, start::step]


def _some(maps: Tensor, axis: int, start: int, step: int, count: int) -> Tensor:
    return _every(maps, axis, start, step).narrow(axis, 0, count)


def _empty(like: Tensor, rows: int, columns: int) -> Tensor:
    last = like.is_contiguous(memory_format=torch.channels_last) and not like.is_contiguous()
    layout = torch.channels_last if last else torch.contiguous_format
    return torch.empty((*like.shape[:2], rows, columns), dtype=like.dtype, device=like.device, memory_format=layout)
