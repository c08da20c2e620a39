"""The plan of an evaluation: which views are made, and which models share them."""

from collections.abc import Sequence
from dataclasses import dataclass

from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.protocols import Protocol


@dataclass(frozen=True)
class Task:
    """Views that several models share.

    Attributes:
        label: The protocol's label in the results.
        protocol: What makes the views.
        models: The models that take them.
    """

    label: str
    protocol: Protocol
    models: list[Model]


def plan(models: Sequence[Model], protocols: Sequence[ProtocolChoice]) -> list[Task]:
    """Group the models by the views they need, so that each distinct stack is made once.

    Args:
        models: The models.
        protocols: The protocols.

    Raises:
        UserError: If a protocol refuses an option.
    """
    tasks: list[Task] = []
    for choice in protocols:
        sharing: dict[Protocol, list[Model]] = {}
        for model in models:
            protocol = choice.build(model.classifier.preprocessing)
            sharing.setdefault(protocol, []).append(model)
        tasks += [Task(choice.label, protocol, together) for protocol, together in sharing.items()]
    return tasks
