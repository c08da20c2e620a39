"""What `models` may hold, made ready to be compared."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from lit_invariance.api.preparation import find_preprocessing
from lit_invariance.errors import UserError
from lit_invariance.evaluation.geometry import Geometry
from lit_invariance.evaluation.model_sources import ModelSource, find_sources, parse_source
from lit_invariance.evaluation.models import Model, describe_classifier, in_time, load_models
from lit_invariance.evaluation.own_network import Called, OwnNetwork, borrowed
from lit_invariance.evaluation.trained_classes import known_outputs
from lit_invariance.mitigations import TemporalAverage
from lit_invariance.models.exported.reading import is_exported
from lit_invariance.training.classifier import LitClassifier

AnyModel = str | ModelSource | nn.Module | Callable[..., Any]


LOOK_INSIDE = ("shiftability", "aliasing", "equivariance", "typicality")


@dataclass(frozen=True)
class Candidates:
    """Models by name: some are objects, others are named by text and not yet loaded.

    Attributes:
        sources: All of them, in the order of the tables.
        own: Those given as objects, by name.
        outputs: Number of outputs of those given as objects, by name.
    """

    sources: list[ModelSource]
    own: dict[str, Model]
    outputs: dict[str, int]

    @property
    def known_outputs(self) -> int | None:
        """Number of outputs of a model object, otherwise of a named model; None if all weights are random."""
        return next(iter(self.outputs.values()), None) or known_outputs(self.sources)

    def check_looked_into(self, diagnose: Sequence[str]) -> None:
        """Refuse instruments that need the layers of a network for a model that shows none.

        Args:
            diagnose: Names of diagnostics.

        Raises:
            UserError: If one looks into networks, and a model is a function or an exported file.
        """
        inside = next((diagnostic for diagnostic in diagnose if diagnostic in LOOK_INSIDE), None)
        if inside is None:
            return
        closed = {
            name: "a function" for name, model in self.own.items() if isinstance(model.classifier.backbone, Called)
        }
        closed |= {source.name: "an exported file" for source in self.sources if is_exported(source.backbone)}
        for name, kind in closed.items():
            raise UserError(
                f"{inside} examines the layers of a network, but model {name} is {kind}; leave one of them out."
            )

    def load(self, classes: int, geometry: Geometry, seed: int) -> list[Model]:
        """Load the models that are named by text, and see that all fit the data.

        Args:
            classes: Number of classes of the data.
            geometry: How pictures are prepared for them.
            seed: Seed of random weights.

        Raises:
            UserError: If a source cannot be loaded, or a number of outputs is not that of the data.
        """
        for name, outputs in self.outputs.items():
            if outputs != classes:
                raise UserError(
                    f"model {name} has {outputs} outputs, but the data have {classes} classes; evaluate it on data "
                    "with its own classes."
                )
        named = [source for source in self.sources if source.name not in self.own]
        loaded = {model.name: model for model in load_models(named, classes, geometry, seed)} | self.own
        return [loaded[source.name] for source in self.sources]

    def check_not_over_time(self) -> None:
        """Refuse models whose answers are averaged over the frames of a film, for pictures that are none.

        Raises:
            UserError: If there is one.
        """
        of_own = [name for name, model in self.own.items() if model.delay is not None]
        of_text = [source.name for source in self.sources if in_time(source.mitigations)[1]]
        for name in of_own + of_text:
            raise UserError(
                f"model {name} averages its answers over the frames of a film (temporal_average), and these pictures "
                "are none; name a film with --video, or leave temporal_average out."
            )

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Restore the mode and device of the network objects."""
        with ExitStack() as stack:
            for model in self.own.values():
                stack.enter_context(borrowed(model.classifier))
            yield


def find_models(models: Mapping[str, AnyModel] | Sequence[str], preprocessing: Any, geometry: Geometry) -> Candidates:
    """Separate the models given as objects from those named by text.

    Args:
        models: As in `evaluate`.
        preprocessing: As in `evaluate`.
        geometry: How pictures are prepared.

    Raises:
        UserError: If there is no model, one is none of the kinds that `evaluate` takes, or refuses its input.
    """
    if isinstance(models, str) or not isinstance(models, Mapping | Sequence):
        raise UserError(f"models is {_short(models)}; give a dictionary of names and models.")
    if not isinstance(models, Mapping):
        for nameless in filter(_no_text, models):
            raise UserError(f"models holds {_short(nameless)} without a name; give a dictionary of names and models.")
        return Candidates(find_sources(list(models)), {}, {})
    if not models:
        raise UserError("there is no model to evaluate; give a dictionary of names and models.")
    if preprocessing is not None and all(isinstance(model, str | ModelSource) for model in models.values()):
        raise UserError(
            "preprocessing= applies to models given as objects, but all models are named by text; leave it out."
        )
    found = Candidates([], {}, {})
    for name, model in models.items():
        if isinstance(model, str | ModelSource):
            source = parse_source(model) if isinstance(model, str) else model
            found.sources.append(replace(source, name=name))
            continue
        own = _own(name, model, preprocessing, geometry)
        found.sources.append(own.source)
        found.own[name] = own
        with borrowed(own.classifier):
            found.outputs[name] = own.outputs
    return found


def _own(name: str, model: Any, preprocessing: Any, geometry: Geometry) -> Model:
    kind, delay = type(model).__name__, None
    if isinstance(model, TemporalAverage):
        delay, model = model.delay, model.network
    if isinstance(model, LitClassifier):
        return replace(describe_classifier(ModelSource(name, kind), model), delay=delay)
    if not callable(model):
        raise UserError(f"model {name} is {_short(model)}; give a network, a function, or a text as --models takes it.")
    if isinstance(model, nn.Module) and any(isinstance(part, TemporalAverage) for part in model.modules()):
        raise UserError(f"model {name} holds a TemporalAverage within; put it around all else.")
    found, prepare = find_preprocessing(name, model, preprocessing)
    network = OwnNetwork(model, geometry.of_weights(found, None), prepare)
    return Model(ModelSource(name, kind), network, type(network.backbone).__name__, passes=network.passes, delay=delay)


def _no_text(model: object) -> bool:
    return not isinstance(model, str)


def _short(value: Any) -> str:
    return repr(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
