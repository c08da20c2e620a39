"""Parity: the same pictures shown to a network here and to what was exported of it, and their answers compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm  # type: ignore[import-untyped]

from lit_invariance.data.batch import Positioned
from lit_invariance.errors import UserError
from lit_invariance.mitigations.interfaces import Classify
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols import Protocol, generator_for

PROTOCOLS = ("crop", "embed_black")
AT_ONCE = 16


@dataclass(frozen=True)
class Parity:
    """How far two networks answer alike under a protocol.

    Attributes:
        protocol: Its name.
        views: Number of views that were compared.
        flips: Views that they answer differently.
        worst: The greatest difference of a logit.
        scale: The greatest size of a logit here.
    """

    protocol: str
    views: int
    flips: int
    worst: float
    scale: float


def measure_parity(
    here: Classify, there: Classify, preprocessing: Preprocessing, images: Positioned, seed: int, progress: bool
) -> list[Parity]:
    """Compare the answers of two networks under the protocols `crop` and `embed_black`.

    The first view of each protocol is shown alone, the others in batches, so that the number of pictures varies.

    Args:
        here: From pictures `(N, C, S, S)` in [0, 1], on the CPU, to logits `(N, K)`.
        there: Likewise.
        preprocessing: What the networks expect of a picture.
        images: The pictures; their labels do not matter.
        seed: Seed of the views.
        progress: Whether to show a progress bar.

    Raises:
        UserError: If a picture cannot be read or shown, or the answers cannot be compared.
    """
    found = []
    with tqdm(total=len(PROTOCOLS) * len(images), desc="parity", unit="picture", disable=not progress) as bar:
        for name in PROTOCOLS:
            views, flips, worst, scale = 0, 0, 0.0, 0.0
            for batch in _batches(preprocessing.protocol(name), images, seed, bar):
                expected, given = here(batch).float(), there(batch).float()
                if given.shape != expected.shape or not bool(given.isfinite().all()):
                    raise UserError(
                        f"the exported network gives answers of shape {tuple(given.shape)} that are "
                        f"{'finite' if given.isfinite().all() else 'not finite'}, where PyTorch gives "
                        f"{tuple(expected.shape)}; export it in another format."
                    )
                views += len(batch)
                flips += int((given.argmax(1) != expected.argmax(1)).sum())
                worst = max(worst, float((given - expected).abs().max()))
                scale = max(scale, float(expected.abs().max()))
            found.append(Parity(name, views, flips, worst, scale))
    return found


def format_parity(found: Sequence[Parity]) -> str:
    """Lay a comparison out for a terminal."""
    lines = [("", "views", "flips", "worst logit difference", "greatest logit")]
    lines += [(one.protocol, str(one.views), str(one.flips), f"{one.worst:.1e}", f"{one.scale:.1f}") for one in found]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _batches(protocol: Protocol, images: Positioned, seed: int, bar: tqdm) -> Iterator[Tensor]:
    waiting: list[Tensor] = []
    most = 1
    for place in range(len(images)):
        image, _, index = images[place]
        try:
            waiting += protocol(image, generator_for(seed, protocol.name, index))
        except ValueError as error:
            raise UserError(f"protocol {protocol.name} cannot show {images.name(index)}: {error}") from error
        while len(waiting) >= most:
            yield torch.stack(waiting[:most])
            waiting, most = waiting[most:], AT_ONCE
        bar.update()
    if waiting:
        yield torch.stack(waiting)
