"""Two random windows of one picture: the consistency of the anti-aliasing literature."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator

from lit_invariance.protocols.placed import Placed
from lit_invariance.protocols.room import room_for, two_places, window
from lit_invariance.protocols.view import View


@dataclass(frozen=True, kw_only=True)
class CropAgreement(Placed):
    """Two S x S windows at random places of the picture's central square. T = 2; read it with `agreement`.

    Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019, section 4, "consistency". The short side is
    resized to 256, the central 256 x 256 is kept, and two 224-windows are cut whose first row and column are drawn
    uniformly from 0..31 [sure: released code]. A smaller picture is enlarged to 256 [sure]. At other S the square is
    `S / 0.875` [choice], 37 at 32, and the places are 0..`room - 1`, the published range leaving the last one out.

    The release draws once a batch, unseeded, and averages five passes; here each image draws for itself and equal
    places are redrawn, since they agree by definition [choice]. The published way meets them in 1 of 1024 draws.
    """

    name: ClassVar[str] = "crop_agreement"
    unit: ClassVar[str] = "draw"
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "agreement", "top1_change_given_correct")

    @property
    def steps(self) -> tuple[float, ...]:
        """The first and the second draw."""
        return (0.0, 1.0)

    def views(self, height: int, width: int, generator: Generator) -> list[View]:
        """Draw both places."""
        room = room_for(self.shorter)
        places = two_places(0, room - 1, generator)
        return [window(height, width, self.window, room, down, right) for down, right in places]
