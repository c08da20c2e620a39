"""Which preprocessing each model uses: its publisher's, or the same for all."""

from dataclasses import dataclass

from lit_invariance.errors import unknown
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols.window import Size

RECIPE, FIXED = "recipe", "fixed"
KINDS = (RECIPE, FIXED)


@dataclass(frozen=True)
class Geometry:
    """How pictures are prepared for the models of an evaluation.

    Args:
        kind: `"recipe"`: each published network as its publisher does; `"fixed"`: one geometry for all, with each
            network's own normalisation.
        image_size: Size of inputs in pixels that the user wants; None means the recipe's.
        otherwise: Size in pixels if neither the user nor a recipe gives one.

    Raises:
        UserError: If the kind is unknown.
    """

    kind: str = RECIPE
    image_size: Size | None = None
    otherwise: Size = 224

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("preprocessing", self.kind, KINDS)

    def of_weights(self, recipe: Preprocessing, own_size: Size | None) -> Preprocessing:
        """Return the preprocessing of a network without a checkpoint of this project.

        Args:
            recipe: What its weights expect.
            own_size: Size in pixels that the user wants for this network only.
        """
        size = own_size or self.image_size
        if self.kind == FIXED or recipe.recipe is None:
            return recipe.fixed(size or self.otherwise)
        return recipe.at(size or recipe.size)

    def of_training(self, validated: Preprocessing) -> Preprocessing:
        """Return the preprocessing of a checkpoint's network: that of its validation, or the one for all.

        Args:
            validated: The preprocessing of its validation during training.
        """
        return validated.fixed(validated.size) if self.kind == FIXED else validated
