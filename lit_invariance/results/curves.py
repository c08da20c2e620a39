"""What a model says of a film, frame by frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Curve:
    """The probabilities of some classes at every frame of a film.

    Attributes:
        model: The model's name.
        film: The film's name.
        classes: Names of the classes shown.
        probabilities: `(frames, classes)`, in [0, 1].
    """

    model: str
    film: str
    classes: list[str]
    probabilities: NDArray[np.float32]
