"""The lattice phases of a map: which one is loudest, and how to keep one."""

import torch
from torch import Tensor

from lit_invariance.mitigations.ops.windows import Pair

TIE = 1e-6  # relative; rounding moves the norm of a map in float32 by less


def loudest_phase(maps: Tensor, stride: Pair) -> Tensor:
    """Choose for each map the phase of largest norm (Chaman & Dokmanic, CVPR 2021, equation 3, arXiv 2011.14214).

    Phase (i, j) of a map holds the samples x[s m + i, t n + j] for a stride of (s, t). A cyclic shift of the map
    exchanges the phases and shifts each cyclically, which leaves their norms: the same samples are chosen again.

    Ties: phases whose squared norms agree to 1e-6 are told apart by sum of e[m, n]^2 (e[m - 1, n] + 2 e[m, n - 1]) over
    the phase, where e is the energy of a sample, the sum over channels of x^2. A cyclic shift leaves this sum as well,
    and mirror images, which have equal norms, differ in it. Phases that agree in both are taken for shifts of one
    another, each of which gives the same answer, as in a constant or periodic map.

    Args:
        maps: Feature maps, (N, C, H, W), any float type, whose sides the stride divides; computed in float32 or wider.
        stride: Step between samples of a phase, in rows and columns.

    Returns:
        The number of the phase, `i * t + j`, (N,), int64; no gradient.
    """
    with torch.no_grad():
        exact = torch.promote_types(maps.dtype, torch.float32)
        energy = torch.linalg.vector_norm(maps, dim=1, dtype=exact).square()
        phases = split(energy, 1, stride)  # (N, h, s, w, t)
        norm = phases.sum((1, 3)).flatten(1)
        largest = norm.amax(1, keepdim=True)
        level = phases / largest.clamp(min=torch.finfo(exact).tiny)[:, :, None, None, None]
        turned = level.square() * (level.roll(1, 1) + 2 * level.roll(1, 3))
        second = turned.sum((1, 3)).flatten(1)
        return second.masked_fill(norm < largest * (1 - TIE), -1.0).argmax(1)


def keep_phase(maps: Tensor, phase: Tensor, stride: Pair) -> Tensor:
    """Keep one phase of each map, or the weighted sum of all.

    Args:
        maps: Feature maps, (N, C, H, W), whose sides the stride divides; channels_last is kept.
        phase: The number of the phase, `i * t + j` for a stride of (s, t), (N,), int64; or the weight of each phase,
            (N, s t), through which a gradient flows.
        stride: Step between samples of a phase, in rows and columns.

    Returns:
        The phases, (N, C, H / s, W / t), of the maps' type.
    """
    if phase.ndim == 2:
        return _mix_phases(maps, phase, stride)
    image = torch.arange(maps.shape[0], device=maps.device)
    row, column = phase // stride[1], phase % stride[1]
    if maps.stride(1) == 1:  # channels_last, which indexing would leave
        return split(maps.permute(0, 2, 3, 1), 1, stride)[image, :, row, :, column].permute(0, 3, 1, 2)
    return split(maps, 2, stride)[image, :, :, row, :, column]


def split(maps: Tensor, dim: int, stride: Pair) -> Tensor:
    """Split rows and columns into phases, without a copy.

    Args:
        maps: Maps of any number of dimensions, of sides H, W that the stride divides.
        dim: Dimension of the rows; the columns follow.
        stride: Step between samples of a phase (s, t), in rows and columns.

    Returns:
        The maps with H, W -> H / s, s, W / t, t.
    """
    columns = torch.unflatten(maps, dim + 1, (-1, stride[1]))
    return torch.unflatten(columns, dim, (-1, stride[0]))


def _mix_phases(maps: Tensor, weights: Tensor, stride: Pair) -> Tensor:
    rows, columns = stride
    scale = weights.to(maps.dtype)[:, :, None, None, None]
    mixed = scale[:, 0] * maps[:, :, ::rows, ::columns]
    for phase in range(1, rows * columns):
        mixed = mixed + scale[:, phase] * maps[:, :, phase // columns :: rows, phase % columns :: columns]
    return mixed
