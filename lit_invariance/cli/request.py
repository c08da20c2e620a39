"""The request of an evaluation's command line, with defaults for everything it leaves open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jsonargparse import Namespace
from pytorch_lightning.utilities import rank_zero_info

from lit_invariance.cli.newest_runs import WHICH_DATA, newest_runs
from lit_invariance.cli.options import Given, make_parser
from lit_invariance.data.kinds import ONLY_SOME, dataset_at, find_kind
from lit_invariance.errors import UserError
from lit_invariance.evaluation.model_sources import ModelSource, choose_reference, find_sources
from lit_invariance.names import printable
from lit_invariance.protocols.window import Size
from lit_invariance.user_code.importing import PYTHON

# A training's batch is no guide: views are made of each image, and the progress bar moves once a batch.
LOADING: dict[str, Any] = {"batch_size": 32, "val_batch_size": None, "max_images": None}
WHOLE: dict[str, Any] = {"val_root": None, "val_fraction": 1.0}
UNTRAINED: dict[str, Any] = {"dataset": "image_folder", "root": None, **WHOLE}


@dataclass(frozen=True)
class Request:
    """What a command line asks for.

    Attributes:
        settings: Every option, the user's or what follows from them.
        models: What is compared.
        reference: Name of the model that the others are compared with.
        image_size: Size of inputs in pixels, where the user gave one.
    """

    settings: Namespace
    models: list[ModelSource]
    reference: str
    image_size: Size | None


def settle(given: Given) -> Request:
    """Fill in what the user left open; the default data are those the reference model was trained on.

    Where the user names no models, the runs of the data that were trained on last are compared.

    Where the reference is no checkpoint, the first checkpoint decides. The images are then those that validated the
    training. A folder that no training has split is evaluated as a whole.

    Args:
        given: What the user wrote.

    Returns:
        All options and models. Models that the user listed keep their order; of all checkpoints the reference comes
        first.

    Raises:
        UserError: If a model is refused, or the models were trained on different data and none was given.
    """
    listed = given.options.get("models")
    sources = find_sources(listed)
    if listed is None:
        wanted = {name: given.options.get(f"data.{name}") for name in ("dataset", "root")}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        sources, left_out = newest_runs(sources, given.options.get("reference"), wanted)
        for line in left_out:
            rank_zero_info(line)
    reference = choose_reference(sources, given.options.get("reference"), listed=listed is not None)
    reference_first = sorted(sources, key=lambda source: source.name != reference)
    trained_on = dict(next((source.data for source in reference_first if source.data), UNTRAINED))
    settings = _completed(given, trained_on | LOADING)
    if (settings.data.dataset, settings.data.root) == (trained_on["dataset"], trained_on["root"]):
        _same_data(sources, trained_on)
    else:
        # `shapes` has no root, so a root that was given means another data set.
        kind = trained_on["dataset"] if trained_on["root"] else UNTRAINED["dataset"]
        if kind == UNTRAINED["dataset"]:
            kind = dataset_at(str(settings.data.root))
        settings = _completed(given, trained_on | LOADING | WHOLE | {"dataset": kind})
    _see_code(given, settings)
    _leave_out(settings, given)
    if settings.max_images is not None:
        settings.data.max_images = settings.max_images
    models = reference_first if listed is None else sources
    return Request(settings, models, reference, given.options.get("data.image_size"))


def _leave_out(settings: Namespace, given: Given) -> None:
    """Leave out options of a training's data that the data here do not take."""
    for option in ONLY_SOME:
        if f"data.{option}" not in given.options and option not in find_kind(settings.data.dataset).options:
            settings.data[option] = None


def _completed(given: Given, data: Mapping[str, Any]) -> Namespace:
    """Lay the user's options over the data's; a checkpoint of another version may hold more than there are today."""
    settings = make_parser().get_defaults()
    for name in settings.data.as_dict().keys() & data.keys():
        settings.data[name] = data[name]
    before = settings.data.clone()
    settings.update(given.options)
    for name in given.changed:
        settings.data[name] = {**(before[name] or {}), **settings.data[name]}
    return settings


def _see_code(given: Given, settings: Namespace) -> None:
    """Refuse to run code that only a checkpoint names as its data: the file may be a stranger's."""
    dataset = settings.data.dataset
    name = dataset if isinstance(dataset, str) else next(iter(dataset or {}), "")
    if given.options.get("data.dataset") is None and str(name).startswith(PYTHON) and settings.video is None:
        raise UserError(
            f"the checkpoint's data are the code {printable(str(name))}, which is run only if you name it with "
            "--data.dataset."
        )


def _same_data(sources: Sequence[ModelSource], trained_on: Mapping[str, Any]) -> None:
    """Refuse to evaluate a model on pictures it may have been trained on, or that have nothing to do with it."""
    for source in sources:
        for option in WHICH_DATA if source.data else ():
            own, reference = source.data.get(option), trained_on.get(option)  # type: ignore[union-attr]
            if own != reference:
                raise UserError(
                    f"{source.name} was trained with data.{option} {own}, the reference with {reference}; choose what "
                    "to compare with --models, or name the data with --data.dataset and --data.root."
                )
