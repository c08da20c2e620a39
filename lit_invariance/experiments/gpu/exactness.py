"""Whether the device computes what the CPU computes, in float32 without TF32."""

import torch
from torch import Tensor

from lit_invariance.evaluation.precision import exact_float32
from lit_invariance.experiments.benchmark.answer import Answer
from lit_invariance.experiments.gpu.setting import BLURRED, PLAIN, Setting
from lit_invariance.protocols import PROTOCOLS, generator_for, views_of
from lit_invariance.protocols.placed import Placed
from lit_invariance.registry import build

LARGEST = 1e-4
VIEWS = ("crop", "embed_black", "embed_inpaint", "scale_black")
IMAGES = 4


def same_answers(setting: Setting) -> Answer:
    """Compare logits and views of the device with those of the CPU.

    Args:
        setting: On what, and how much is measured.

    Raises:
        RuntimeError: If one of them differs by more than 1e-4 of the largest value.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(
        0, 256, (IMAGES, 3, setting.side + 30, setting.side + 20), dtype=torch.uint8, generator=generator
    )
    found = {}
    with exact_float32(), torch.inference_mode():
        for name in setting.names:
            for kind in (PLAIN, BLURRED):
                found[f"logits of {name}, {kind}"] = _logits(setting, name, kind, images)
        for name in VIEWS:
            found[f"views of {name}"] = _views(setting, name, images)
    rows = [[what, f"{value:.1e}"] for what, value in found.items()]
    if wrong := [" ".join(row) for row, value in zip(rows, found.values(), strict=True) if value > LARGEST]:
        raise RuntimeError(f"more than {LARGEST:g} apart: {'; '.join(wrong)}")
    return Answer(("what", "largest difference / largest value"), rows)


def _logits(setting: Setting, name: str, kind: str, images: Tensor) -> float:
    pixels = images[..., : setting.side, : setting.side].float().div(255).sub(0.45).div(0.225)
    network = setting.network(name, kind)
    expected = network(pixels)
    return _difference(expected, network.to(setting.device)(pixels.to(setting.device)))


def _views(setting: Setting, name: str, images: Tensor) -> float:
    options = {"min_side": setting.side // 2} if name == "embed_black" and setting.dry else {}
    protocol = build("protocol", PROTOCOLS, {name: options}, size=setting.side)
    assert isinstance(protocol, Placed)
    expected = views_of(protocol, list(images), torch.arange(IMAGES), 0)
    generators = [generator_for(0, name, index) for index in range(IMAGES)]
    found = torch.cat(list(protocol.together(list(images.to(setting.device)), generators)))
    return _difference(expected, found.view_as(expected))


def _difference(expected: Tensor, found: Tensor) -> float:
    return float((expected - found.cpu()).abs().max() / expected.abs().max())
