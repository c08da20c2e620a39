"""Failure tests: image -> views. They know nothing of networks, data sets or the rest of the project."""

from lit_invariance.protocols.batch import views_of
from lit_invariance.protocols.centre_crop import CentreCrop
from lit_invariance.protocols.crop import Crop
from lit_invariance.protocols.embed import EmbedBlack, ScaleBlack
from lit_invariance.protocols.protocol import Protocol, generator_for

PROTOCOLS: dict[str, type[Protocol]] = {
    protocol.name: protocol for protocol in (CentreCrop, Crop, EmbedBlack, ScaleBlack)
}

__all__ = ["PROTOCOLS", "CentreCrop", "Crop", "EmbedBlack", "Protocol", "ScaleBlack", "generator_for", "views_of"]
