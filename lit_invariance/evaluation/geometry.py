"""Whose preprocessing each model is shown: its publisher's, or one for all."""

from dataclasses import dataclass

from lit_invariance.errors import unknown
from lit_invariance.models.preprocessing import Preprocessing

RECIPE, FIXED = "recipe", "fixed"
KINDS = (RECIPE, FIXED)


@dataclass(frozen=True)
class Geometry:
    """How pictures are prepared for the models of an evaluation.

    Args:
        kind: `"recipe"`: each published network as its publisher does; `"fixed"`: one geometry for all, with each
            network's own normalisation.
        image_size: Side in pixels that the user wants of inputs; None takes the recipe's.
        otherwise: Side in pixels if neither the user nor a recipe gives one.

    Raises:
        UserError: If the kind is unknown.
    """

    kind: str = RECIPE
    image_size: int | None = None
    otherwise: int = 224

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("preprocessing", self.kind, KINDS)

    def of_weights(self, recipe: Preprocessing, own_size: int | None) -> Preprocessing:
        """Return how a network without a checkpoint of this project is shown its pictures.

        Args:
            recipe: What its weights expect.
            own_size: Side in pixels that the user wants of this network alone.
        """
        size = own_size or self.image_size
        if self.kind == FIXED or recipe.recipe is None:
            return recipe.fixed(size or self.otherwise)
        return recipe.at(size or recipe.size)

    def of_training(self, validated: Preprocessing) -> Preprocessing:
        """Return how the network of a checkpoint is shown its pictures: as its training validated it, or as all are.

        Args:
            validated: How its training showed them.
        """
        return validated.fixed(validated.size) if self.kind == FIXED else validated
