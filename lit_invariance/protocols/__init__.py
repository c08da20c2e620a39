"""Failure tests: image -> views. They know nothing of networks, data sets or the rest of the project."""

from lit_invariance.protocols.batch import views_of
from lit_invariance.protocols.centre_crop import CentreCrop
from lit_invariance.protocols.crop import Crop
from lit_invariance.protocols.embed import EmbedBlack, EmbedInpaint, ScaleBlack
from lit_invariance.protocols.protocol import Protocol, generator_for
from lit_invariance.protocols.size_sweep import ScaleSweep, SizeSweep
from lit_invariance.protocols.sweep_crop import SweepCrop
from lit_invariance.protocols.sweep_inpaint import SweepInpaint

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
    )
}

__all__ = [
    "PROTOCOLS",
    "CentreCrop",
    "Crop",
    "EmbedBlack",
    "EmbedInpaint",
    "Protocol",
    "ScaleBlack",
    "ScaleSweep",
    "SizeSweep",
    "SweepCrop",
    "SweepInpaint",
    "generator_for",
    "views_of",
]
