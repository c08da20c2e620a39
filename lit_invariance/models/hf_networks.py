"""Image classifiers of Hugging Face's transformers, `hf/<folder or hub id>`, with what their processors say."""

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pytorch_lightning.utilities import rank_zero_info
from torch import nn

from lit_invariance.errors import UserError, said_by
from lit_invariance.extras import optional
from lit_invariance.models.entry import Entry, State
from lit_invariance.models.hf_recipe import recipe_of
from lit_invariance.models.hub import may_fetch, quiet_hub
from lit_invariance.models.logits import answer_with_logits
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.models.state_dict import first_of

CONFIG, PROCESSOR = "config.json", "preprocessor_config.json"
UNNAMED = "LABEL_"
Loaded = TypeVar("Loaded")


def hf_network(model: str, weights: str | None) -> Entry:
    """Describe an image classifier of transformers.

    Args:
        model: A folder that `save_pretrained` wrote, or a name on the hub such as `microsoft/resnet-18`.
        weights: As in `create_backbone`.

    Raises:
        UserError: If transformers is missing, the files cannot be found, or are not of an image classifier.
    """
    transformers = optional("transformers", "hf", f"hf/{model}")
    if weights not in (None, "default") and not os.path.isfile(str(weights).partition("#")[0]):
        raise UserError(f"'{weights}' is not a file of weights; name hf/{model}, hf/{model}@none or hf/{model}@FILE.")
    config = _load(model, CONFIG, transformers.AutoConfig.from_pretrained)
    if config.model_type == "timm_wrapper":
        raise UserError(f"hf/{model} is a network of timm; name it as timm/hf-hub:{model}.")
    folder = Path(model)
    return Entry(
        make=partial(_make, model, config),
        published=partial(_published, model),
        preprocessing=_preprocessing(model),
        classes=config.num_labels if weights == "default" else None,
        class_names=_names(config) if weights == "default" else None,
        files=tuple(sorted(folder.glob("*.*"))) if os.path.isdir(folder) else (),
    )


def _make(model: str, config: Any, num_classes: int) -> nn.Module:
    from transformers import AutoModelForImageClassification

    changed = copy.deepcopy(config)
    if changed.num_labels != num_classes:
        changed.num_labels = num_classes
    try:
        with _quiet():
            network: nn.Module = AutoModelForImageClassification.from_config(changed).float()
    except ValueError as error:
        raise UserError(f"hf/{model} is not an image classifier ({said_by(error)}); name one.") from error
    answer_with_logits(network)
    return network


def _published(model: str) -> State:
    from transformers import AutoModelForImageClassification

    load = partial(AutoModelForImageClassification.from_pretrained, output_loading_info=True)
    network, told = _load(model, "model.safetensors", load)
    absent = sorted({*told["missing_keys"], *told["mismatched_keys"]})
    if absent:
        raise UserError(
            f"the weights of hf/{model} lack {len(absent)} of its parameters ({first_of(absent)}); name a network that "
            "was trained as an image classifier."
        )
    if unused := sorted(told["unexpected_keys"]):
        rank_zero_info(f"hf/{model}: {len(unused)} weights that it has no use for were left out: {first_of(unused)}.")
    state: State = network.float().state_dict()
    return state


def _preprocessing(model: str) -> Preprocessing:
    from transformers import AutoImageProcessor

    return recipe_of(_load(model, PROCESSOR, AutoImageProcessor.from_pretrained), f"hf {model}")


def _names(config: Any) -> Sequence[str] | None:
    names = [str(name) for _, name in sorted(config.id2label.items())]
    return None if all(name.startswith(UNNAMED) for name in names) else names


def _load(model: str, file: str, load: Callable[..., Loaded]) -> Loaded:
    """Load a part of a network from its folder or the hub; code that a repository holds is never run."""
    try:
        with _quiet():
            return load(model, local_files_only=not may_fetch(), trust_remote_code=False)
    except Exception as error:  # transformers and the hub's client raise what they like
        if os.path.isdir(model):
            hint = "write both into the folder, with save_pretrained of the model and of its image processor"
        else:
            hint = f"fetch it with 'hf download {model}' where there is a network, or name a folder as hf/FOLDER"
        raise UserError(f"{file} of hf/{model} cannot be read ({said_by(error)}); {hint}.") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide transformers' bars and advice; what matters of it is said in sentences of our own."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with quiet_hub():
            yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()
