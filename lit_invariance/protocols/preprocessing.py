"""The picture as other programs would prepare it: other decoders, other resizing, another rounding of the crop."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from lit_invariance.protocols.decoders import DECODERS, Pixels
from lit_invariance.protocols.kernels import KERNELS
from lit_invariance.protocols.protocol import Box, Protocol, one_of
from lit_invariance.protocols.resampling import LEVELS
from lit_invariance.protocols.standard import CROP_FRACTION, central, cover, resize_length

PIPELINE = "pipeline"
"""Unit of steps that number pipelines, of which the first is the reference."""
OWN = "Pillow"
OFFSETS = ("round", "floor")
BETWEEN = ", "


class Pipeline(NamedTuple):
    """How a file becomes a view.

    Attributes:
        decoder: `"Pillow"` or a key of `DECODERS`.
        kernel: A key of `KERNELS`.
        offset: A member of `OFFSETS`.
    """

    decoder: str
    kernel: str
    offset: str


@dataclass(frozen=True, kw_only=True)
class PreprocessingPipelines(Protocol):
    """The picture prepared by every combination of decoder, resize kernel and rounding of the crop. T = 66 for photos.

    SysNoise (MLSys 2023), whose decoders, eleven kernels and 8/7 these are [sure: released code]: a network is trained
    behind one preprocessing and deployed behind another. The first view is the reference: decoded by Pillow, resized by
    Pillow's bilinear kernel, the offset of the central crop rounded as torchvision does, to the even neighbour at a
    half. **Compare with the first view**: `1 - agreement` is the share of pipelines with another answer than the
    reference's. Scores of neighbouring views are not measured.

    A picture is resized to S * 8/7, its fraction cut off: 256 at S = 224. Where what is cut off is an odd number of
    pixels, `floor` begins a pixel before `round` in every second case: the one-pixel shift that deployment makes. As in
    those libraries, everything is computed from 8 bits on the processor; `rounding` and `interpolation` change nothing.

    A picture without a file of its own is shown by Pillow's pipelines only; one whose format a decoder does not have,
    by those of the decoders before it.

    Args:
        sides: `"short"`: the short side is resized to S * 8/7, as networks are usually deployed [choice]; for a square
            window the reference then is torchvision's Resize and CenterCrop to the pixel. `"both"`: both sides are, as
            in SysNoise [sure], and the aspect ratio is lost. Where both roundings are then one, as for 256 and 224,
            `floor` is left out.
        decoders: Decoders besides Pillow, from `DECODERS`.
    """

    name: ClassVar[str] = "preprocessing"
    unit: ClassVar[str] = PIPELINE
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "agreement", "worst_case_accuracy", "all_agree")
    against_first: ClassVar[bool] = True

    sides: str = "short"
    decoders: tuple[str, ...] = tuple(DECODERS)
    file: str | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("sides", self.sides, ("short", "both"))
        object.__setattr__(self, "decoders", tuple(self.decoders))  # a config gives a list, which has no hash
        for decoder in self.decoders:
            one_of("each of decoders", decoder, tuple(DECODERS))

    def of_file(self, path: str | None) -> "PreprocessingPipelines":
        """Return the protocol for an image that was decoded from this file, which the other decoders decode again."""
        bound = copy.copy(self)
        object.__setattr__(bound, "file", path)
        return bound

    @property
    def pipelines(self) -> list[Pipeline]:
        """What makes each view; Pillow's first."""
        target = self._target(1, 1)
        rests = [length - side for length, side in zip(target, self.window, strict=True)]
        alike = self.sides == "both" and all(_offset(rest, "round") == _offset(rest, "floor") for rest in rests)
        offsets = OFFSETS[:1] if alike else OFFSETS
        return [
            Pipeline(decoder, kernel, offset)
            for decoder in (OWN, *self.decoders)
            for kernel in KERNELS
            for offset in offsets
        ]

    @property
    def steps(self) -> tuple[float, ...]:
        """Number of each pipeline."""
        return tuple(map(float, range(len(self.pipelines))))

    @property
    def reference(self) -> int:
        """The first view."""
        return 0

    @property
    def view_names(self) -> tuple[str, ...]:
        """Decoder, kernel and offset of each pipeline."""
        return tuple(BETWEEN.join(pipeline) for pipeline in self.pipelines)

    def shown(self, height: int, width: int, box: Box | None = None) -> range:
        """Tell which pipelines an image has: those of Pillow, and of each decoder up to the first without its format.

        Args:
            height: Rows of the image.
            width: Columns of the image.
            box: Where the object is.
        """
        file, decoders = self.file, [OWN]
        if file is not None:
            decoders += takewhile(lambda decoder: DECODERS[decoder].reads(file), self.decoders)
        return range(sum(pipeline.decoder in decoders for pipeline in self.pipelines))

    def parts(self, image: Tensor, generator: Generator, most: int, box: Box | None = None) -> Iterator[Tensor]:
        """Run the pipelines a few at a time; each decoder and kernel works once, and nothing is drawn."""
        views = self._views(image)
        while some := list(islice(views, most)):
            yield torch.stack(some).to(image.device).float().div_(LEVELS)

    def _views(self, image: Tensor) -> Iterator[Tensor]:
        """The views of `shown` in order, uint8 `(C, H, W)`."""
        pixels, resized, done = _as_bytes(image), np.empty(0, np.uint8), Pipeline(OWN, "", "")
        for pipeline in self.pipelines[: len(self.shown(*image.shape[-2:]))]:
            if pipeline.decoder != done.decoder:
                pixels = self._decoded(pipeline.decoder)
            if pipeline[:2] != done[:2]:
                resized = KERNELS[pipeline.kernel](pixels, *self._target(*pixels.shape[:2]))
            top, left = (
                _offset(length - side, pipeline.offset)
                for length, side in zip(resized.shape[:2], self.window, strict=True)
            )
            cut = resized[top : top + self.window[0], left : left + self.window[1]]
            yield torch.from_numpy(np.ascontiguousarray(cut)).permute(2, 0, 1)
            done = pipeline

    def _decoded(self, decoder: str) -> Pixels:
        assert self.file is not None, decoder
        try:
            return DECODERS[decoder].decode(self.file)
        except (ValueError, OSError) as error:
            left = [name for name in self.decoders if name != decoder]
            raise ValueError(f"{error}; leave it out with {{preprocessing: {{decoders: {left}}}}}.") from error

    def _target(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns to which a picture is resized."""
        rows, columns = (resize_length(side, CROP_FRACTION) for side in self.window)
        return (rows, columns) if self.sides == "both" else cover(height, width, (rows, columns))


def _offset(rest: int, rounding: str) -> int:
    """First pixel of the crop where the picture is `rest` pixels longer."""
    return central(rest, 0) if rounding == "round" else rest // 2


def _as_bytes(image: Tensor) -> Pixels:
    """Bring `(C, H, W)`, uint8 or float in [0, 1], to `(H, W, C)` of 8 bits."""
    image = image if image.dtype == torch.uint8 else (image.float() * LEVELS).round().to(torch.uint8)
    pixels: Pixels = image.permute(1, 2, 0).contiguous().cpu().numpy()
    return pixels
