"""The blur layer, forwards and backwards, as a share of what copying memory allows."""

from collections.abc import Callable

import torch
from torch import Tensor

from lit_invariance.experiments.benchmark.answer import Answer, Target
from lit_invariance.experiments.gpu.rate import rate
from lit_invariance.experiments.gpu.setting import Setting
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d

SHAPE, SMALL = (64, 256, 56, 56), (2, 8, 8, 8)
TAPS, STRIDE = 4, 2
WANTED = 0.7
GIGA = 1e9


def blur_against_copy(setting: Setting) -> Answer:
    """Compare the bytes a second that the blur must move at least with those that a copy moves.

    Forwards it reads a map and writes a quarter of it; backwards it reads the quarter and writes the map.

    Args:
        setting: On what, and how much is measured.
    """
    rows, targets = [], []
    for dtype in (torch.float32, torch.bfloat16):
        shape = SMALL if setting.dry else SHAPE
        maps = torch.randn(shape, device=setting.device, dtype=dtype).to(memory_format=torch.channels_last)
        target = torch.empty_like(maps)
        size = maps.numel() * maps.element_size()
        copy = 2 * size * rate(lambda a=target, b=maps: a.copy_(b), setting.seconds)  # type: ignore[misc]
        blur = BlurPool2d(TAPS, STRIDE)
        layers: dict[str, Callable[[Tensor], Tensor]] = {"plain": blur, "compiled": torch.compile(blur)}
        for how, layer in layers.items():
            least = size * (1 + 1 / STRIDE**2)
            for part, step in _steps(layer, maps).items():
                share = least * rate(step, setting.seconds) / copy
                rows.append([str(dtype).removeprefix("torch."), how, part, f"{copy / GIGA:.0f}", f"{share:.2f}"])
                if how == "compiled" and not setting.dry:
                    targets.append(Target(f"blur, {rows[-1][0]}, {part}, compiled, against a copy", WANTED, share))
    shown = " x ".join(map(str, SMALL if setting.dry else SHAPE))
    columns = ("type", "layer", "direction", "copy, GB/s", "blur / copy")
    return Answer(columns, rows, targets, [f"{TAPS} taps, stride {STRIDE}, maps of {shown} in channels_last."])


def _steps(layer: Callable[[Tensor], Tensor], maps: Tensor) -> dict[str, Callable[[], object]]:
    leaf = maps.clone(memory_format=torch.preserve_format).requires_grad_()
    result = layer(leaf)
    gradient = torch.ones_like(result)

    def forwards() -> None:
        with torch.no_grad():
            layer(maps)

    return {
        "forwards": forwards,
        "backwards": lambda: torch.autograd.grad(result, leaf, gradient, retain_graph=True),
    }
