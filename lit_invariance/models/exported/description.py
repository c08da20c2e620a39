"""What an exported file says of itself: the input it takes, and how pictures become that."""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from lit_invariance.errors import UserError
from lit_invariance.models.preprocessing import Preprocessing

KEY = "lit_invariance"
"""Name of the description among a file's metadata."""
MOST_LETTERS = 1 << 22
PICTURES: Literal["pictures"] = "pictures"
NORMALISED: Literal["normalised"] = "normalised"
Channels = Annotated[tuple[float, ...], Field(min_length=1, max_length=4)]
Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Description:
    """The metadata of an exported file.

    Attributes:
        version: The version of this project that wrote it.
        name: What the model was called.
        source: Where it came from, as `--models` takes it.
        mitigations: What was done to it; surgery and wrappers are inside the file.
        input: `pictures` in [0, 1], or `normalised` ones: `(picture - mean) / std`.
        mean: Channel means in [0, 1].
        std: Channel standard deviations.
        size: Side S of the input in pixels.
        crop_pct: As in `Preprocessing`.
        interpolation: As in `Preprocessing`.
        crop_mode: As in `Preprocessing`.
        recipe: As in `Preprocessing`.
        classes: Number of outputs K.
        parameters: Number of parameters.
        passes: Forward passes of the network that one picture costs.
        class_names: The class of each output, None where they are not known.
    """

    __pydantic_config__ = ConfigDict(allow_inf_nan=False)

    version: str
    name: str
    source: str
    mitigations: tuple[Any, ...]
    input: Literal["pictures", "normalised"]
    mean: Channels
    std: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=4)]
    size: Annotated[int, Field(ge=2, le=4096)]
    crop_pct: Annotated[float, Field(gt=0, le=4)] | None
    interpolation: Literal["bilinear", "bicubic", "lanczos"]
    crop_mode: Literal["center", "squash", "border"]
    recipe: str | None
    classes: Annotated[int, Field(ge=1)]
    parameters: Annotated[int, Field(ge=0)]
    passes: Annotated[int, Field(ge=1)] = 1
    class_names: tuple[str, ...] | None = None

    @property
    def preprocessing(self) -> Preprocessing:
        """How a decoded picture becomes the input."""
        return Preprocessing(
            self.mean, self.std, self.size, self.crop_pct, self.interpolation, self.crop_mode, self.recipe
        )

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), allow_nan=False)


def read_description(text: str | None, path: object) -> Description | None:
    """Read the description in a file's metadata.

    Args:
        text: JSON; None where the file holds no description.
        path: The file, for the error message.

    Raises:
        UserError: If the text is no description.
    """
    if text is None:
        return None
    try:
        if len(text) > MOST_LETTERS:
            raise ValueError("too long")
        return TypeAdapter(Description).validate_json(text)
    except ValueError as error:
        place, why = "its text", str(error)
        if isinstance(error, ValidationError):
            fault = error.errors(include_url=False)[0]
            place, why = ".".join(map(str, fault["loc"])) or place, fault["msg"].lower()
        raise UserError(
            f"the description of this project's in '{path}' is damaged ({place}: {why}); export the model again."
        ) from error
