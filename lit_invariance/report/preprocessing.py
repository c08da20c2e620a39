"""How each model was shown its pictures, in words."""

from lit_invariance.results.schema import ModelEntry, ResultsContent

HELD = {"center": "short side", "squash": "both sides", "border": "long side"}
COVERED = {"center": "covering", "squash": "to", "border": "within"}
NOT_THE_SAME = "The models did not see the same pixels, because their"
RECIPES = (
    f"{NOT_THE_SAME} recipes differ: a difference between them comes from network and recipe together. "
    "--preprocessing fixed uses the same geometry for all."
)
SIZES = f"{NOT_THE_SAME} input sizes differ: a difference between them comes from network and size together."


def describe(model: ModelEntry) -> str:
    """Describe how a model's pictures were resized and cropped.

    Args:
        model: The model.

    Returns:
        Such as `recipe of torchvision resnet50 IMAGENET1K_V2 (short side to 232, crop 224, bilinear)`.
    """
    seen, pair = model["preprocessing"], model["image_size"]
    size = pair if isinstance(pair, int) else f"{pair[1]} x {pair[0]}"
    if seen["recipe"] is None:
        return f"the geometry for all (crop {size}, {seen['interpolation']})"
    length = "" if seen["crop_pct"] is None else _length(pair, seen["crop_pct"], seen["crop_mode"])
    return f"recipe of {seen['recipe']} ({length}crop {size}, {seen['interpolation']})"


def _length(size: int | list[int], crop_pct: float, crop_mode: str) -> str:
    if isinstance(size, int):
        return f"{HELD[crop_mode]} to {size / crop_pct:.0f}, "
    rows, columns = (f"{side / crop_pct:.0f}" for side in size)
    return f"{COVERED[crop_mode]} {columns} x {rows}, "


def cautions(results: ResultsContent) -> list[str]:
    """Warn where the models were shown different pixels.

    Args:
        results: The results.

    Returns:
        A sentence, or none.
    """
    shown = [{**model["preprocessing"], "recipe": None} for model in results["models"]]
    if any(one != shown[0] for one in shown):
        return [RECIPES]
    return [SIZES] if len({str(model["image_size"]) for model in results["models"]}) > 1 else []
