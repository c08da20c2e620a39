"""Which classes the outputs of a model represent, as far as this is known before it is loaded."""

from collections.abc import Iterator, Sequence

from lit_invariance.data.class_order import check_same_classes
from lit_invariance.data.synsets import imagenet_classes
from lit_invariance.errors import UserError
from lit_invariance.evaluation.model_sources import ModelSource
from lit_invariance.models.backbones import classes_of_file, published_class_names, published_classes
from lit_invariance.models.state_dict import is_file_name

IMAGENET = list(imagenet_classes().values())
ALIKE = 0.9
"""Share of ImageNet's names from which a list is taken for it: some of them are written in several ways."""


def known_outputs(sources: Sequence[ModelSource]) -> int | None:
    """Return the number of outputs of the first model for which it is known.

    Checkpoints are asked first, then published weights, and last other files, which must be read for this.

    Args:
        sources: Where the models come from.

    Returns:
        None where all weights are random.
    """
    return next(_numbers(sources), None)


def see_same_classes(sources: Sequence[ModelSource], data: Sequence[str]) -> None:
    """Refuse models whose outputs represent other classes than those of the data, if both are known by name.

    A thousand outputs of a library's network with weights from outside are taken for ImageNet's: published files go by
    many names.

    Args:
        sources: Where the models come from.
        data: The class of each output, by the data.

    Raises:
        UserError: If a model has as many classes as the data, and others.
    """
    for source in sources:
        names = _own_names(source, len(data))
        if len(names) == len(data):
            check_same_classes(f"model {source.name}", names, data)


def see_same_number(sources: Sequence[ModelSource], outputs: int) -> None:
    """Refuse to compare models of different classes on pictures without labels: more classes change more often.

    Args:
        sources: Where the models come from.
        outputs: Number of outputs of one of them.

    Raises:
        UserError: If another one is known to have another number.
    """
    for number in _numbers(sources):
        if number != outputs:
            raise UserError(
                f"the models have {outputs} and {number} outputs, so that their changes of the answer cannot be "
                "compared; evaluate them one by one."
            )


def names_of_outputs(sources: Sequence[ModelSource], outputs: int) -> list[str]:
    """Return what the outputs are called where the data do not say it: as the models say, if they agree.

    Args:
        sources: Where the models come from.
        outputs: Number of their outputs.

    Returns:
        Numbers where no model says it or two of them disagree.
    """
    known = [list(names) for source in sources if len(names := _own_names(source, outputs)) == outputs]
    if known and all(names == known[0] for names in known):
        return known[0]
    return [str(number) for number in range(outputs)]


def _own_names(source: ModelSource, outputs: int) -> Sequence[str]:
    return _names(source) or (IMAGENET if outputs == len(IMAGENET) and _is_imagenets(source) else ())


def _numbers(sources: Sequence[ModelSource]) -> Iterator[int]:
    weighted = [source for source in sources if source.checkpoint is None and source.weights is not None]
    yield from (source.classes for source in sources if source.classes)
    yield from filter(None, (published_classes(source.backbone, source.weights) for source in weighted))
    for source in weighted:
        if is_file_name(str(source.weights)) and (classes := classes_of_file(source.backbone, str(source.weights))):
            yield classes


def _names(source: ModelSource) -> Sequence[str] | None:
    if source.checkpoint is not None or not source.backbone:
        return source.class_names
    names = published_class_names(source.backbone, source.weights)
    return IMAGENET if names and _name_imagenets(names) else names


def _name_imagenets(names: Sequence[str]) -> bool:
    """Whether names are those of ImageNet's classes in the usual order, by synset or by the first of their synonyms."""
    if len(names) != len(IMAGENET):
        return False
    alike = [
        name == synset or name.split(",")[0].replace("_", " ").lower() == own.lower()
        for name, (synset, own) in zip(names, imagenet_classes().items(), strict=True)
    ]
    return sum(alike) >= ALIKE * len(IMAGENET)


def _is_imagenets(source: ModelSource) -> bool:
    if source.weights is None:
        return False
    classes = published_classes(source.backbone, source.weights)
    if classes is None and is_file_name(source.weights) and "/" in source.backbone:
        classes = classes_of_file(source.backbone, source.weights)
    return classes == len(IMAGENET)
