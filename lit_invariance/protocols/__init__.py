"""Failure tests: image -> views. They are independent of networks, data sets and the rest of the project."""

from lit_invariance.protocols.batch import ImageTooSmall, views_of
from lit_invariance.protocols.centre_crop import CentreCrop
from lit_invariance.protocols.circular import Circular
from lit_invariance.protocols.circular_fractional import CircularFractional
from lit_invariance.protocols.crop import Crop
from lit_invariance.protocols.crop_agreement import CropAgreement
from lit_invariance.protocols.crop_fractional import CropFractional
from lit_invariance.protocols.diagonal import Diagonal
from lit_invariance.protocols.embed import EmbedBlack, EmbedInpaint, ScaleBlack
from lit_invariance.protocols.imagenet_p import ImageNetPScale, ImageNetPTranslate
from lit_invariance.protocols.object_scale import ObjectScale
from lit_invariance.protocols.preprocessing import PreprocessingPipelines
from lit_invariance.protocols.protocol import Protocol, generator_for
from lit_invariance.protocols.released_script import ReleasedScript
from lit_invariance.protocols.rings import Rings
from lit_invariance.protocols.shift_grid import ShiftGrid
from lit_invariance.protocols.size_sweep import ScaleSweep, SizeSweep
from lit_invariance.protocols.sweep_crop import SweepCrop
from lit_invariance.protocols.sweep_inpaint import SweepInpaint
from lit_invariance.protocols.zero_fill import ZeroFill

PROTOCOLS: dict[str, type[Protocol]] = {
    protocol.name: protocol
    for protocol in (
        CentreCrop,
        Crop,
        EmbedBlack,
        EmbedInpaint,
        ScaleBlack,
        SweepInpaint,
        SweepCrop,
        SizeSweep,
        ScaleSweep,
        ReleasedScript,
        CropAgreement,
        Diagonal,
        Circular,
        CircularFractional,
        ShiftGrid,
        Rings,
        CropFractional,
        ImageNetPTranslate,
        ImageNetPScale,
        ZeroFill,
        ObjectScale,
        PreprocessingPipelines,
    )
}

__all__ = [
    "PROTOCOLS",
    "CentreCrop",
    "Circular",
    "CircularFractional",
    "Crop",
    "CropAgreement",
    "CropFractional",
    "Diagonal",
    "EmbedBlack",
    "EmbedInpaint",
    "ImageNetPScale",
    "ImageNetPTranslate",
    "ImageTooSmall",
    "ObjectScale",
    "PreprocessingPipelines",
    "Protocol",
    "ReleasedScript",
    "Rings",
    "ScaleBlack",
    "ScaleSweep",
    "ShiftGrid",
    "SizeSweep",
    "SweepCrop",
    "SweepInpaint",
    "ZeroFill",
    "generator_for",
    "views_of",
]
