"""What runs the models of an evaluation, and its description in the results."""

import torch

from lit_invariance.evaluation.embedding import with_features
from lit_invariance.evaluation.models import Model
from lit_invariance.execution.executor import Executor, batch_on
from lit_invariance.results.schema import How


def make_executor(model: Model, device: torch.device, embedding: bool = False) -> Executor:
    """Make what runs a model.

    Args:
        model: It is not changed.
        device: Where it will run.
        embedding: Whether its features are wanted behind its logits, where it has some.
    """
    size, batch = model.classifier.preprocessing.size, batch_on(device)
    found = with_features(model) if embedding else None
    return Executor(model.classifier, size, batch) if found is None else Executor(found[0], size, batch, found[1])


def how(executor: Executor, lanes: int = 1) -> How:
    """Describe how a model was run.

    Args:
        executor: From `make_executor`.
        lanes: Batches that ran side by side.
    """
    return {"folded": executor.folded, "compiled": executor.compiled, "batch": executor.batch, "lanes": lanes}
