"""A user's own network, `python:package.module:factory{option: value}`: made by running the code that is named."""

import copy
import inspect
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from lit_invariance.errors import UserError, said_by
from lit_invariance.models.classification_layer import last_outputs, renew
from lit_invariance.models.entry import Entry, State
from lit_invariance.models.logits import answer_with_logits
from lit_invariance.models.own_recipe import read_recipe, usual_recipe
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.models.state_dict import is_file_name
from lit_invariance.models.torch_file import read_torch_file
from lit_invariance.protocols.window import sides
from lit_invariance.user_code.calling import UserCode, find_code
from lit_invariance.user_code.importing import PYTHON

CHECKPOINT = ".ckpt"
CLASSES = "num_classes"
ANY = 1000


class Facts(NamedTuple):
    """What is known of a network once it has been made.

    Attributes:
        outputs: Number of its outputs; None where it has as many as it is asked for, or no layer tells.
        preprocessing: What it expects of a picture.
    """

    outputs: int | None
    preprocessing: Preprocessing


_known: dict[tuple[Any, ...], Facts] = {}


def python_network(text: str, weights: str | None) -> Entry:
    """Describe the network that a user's code makes; this runs the code.

    The code is a function or class that returns a network, alone or as `(network, preprocessing)`, where
    `preprocessing` is what `read_recipe` takes. A network returns logits or an object that has them as `.logits`. The
    code is called as the user writes it. Where another number of classes is wanted than its network has, it is called
    with `num_classes` if it has such an argument; otherwise the network's classification layer is replaced.

    Args:
        text: `package.module:name` or `path/file.py:name`, with `{argument: value}` for the arguments.
        weights: None or `"default"` for those that the code gives the network; or a file of weights. A `.ckpt` file
            for a LightningModule goes through its `load_from_checkpoint`.

    Raises:
        UserError: If the code does not exist, fails, or returns something else, or the weights are not a file.
    """
    with torch.random.fork_rng(devices=[]):  # what a module draws when it is first imported is not drawn again
        code = find_code(text)
    chosen = None if weights in (None, "default") else weights
    if chosen is not None and not is_file_name(chosen):
        raise UserError(f"'{chosen}' is not a file of weights; name a file as {PYTHON}{text}@FILE, or none.")
    checkpoint = chosen if chosen is not None and chosen.endswith(CHECKPOINT) and _is_lightning(code) else None
    facts = _facts(code, checkpoint)
    whole = chosen is None or checkpoint is not None
    return Entry(
        make=lambda num_classes: _made(code, checkpoint, facts, num_classes),
        published=_no_published,
        preprocessing=facts.preprocessing,
        classes=facts.outputs if whole else None,
        whole=whole,
        headless=True,
        files=() if code.file is None else (code.file,),
    )


def _facts(code: UserCode, checkpoint: str | None) -> Facts:
    """Make the network once, to look at it; what is found is kept until the code or the checkpoint changes."""
    files = [str(path) for path in (code.file, checkpoint) if path is not None]
    key = (code.text, *files, *(Path(path).stat().st_mtime_ns for path in files if Path(path).is_file()))
    if key not in _known:
        asked = checkpoint is None and code.needs(CLASSES)
        with torch.random.fork_rng(devices=[]):
            network, recipe = _call(code, checkpoint, ANY if asked else None)
        if recipe is None:
            recipe = usual_recipe(code.text, network, "let the function return (network, (mean, std))")
        _known[key] = Facts(None if asked else _outputs(network, recipe), recipe)
    return _known[key]


def _made(code: UserCode, checkpoint: str | None, facts: Facts, num_classes: int) -> nn.Module:
    other = facts.outputs != num_classes
    asked = other and checkpoint is None and code.takes(CLASSES)
    # A copy, because surgery works in place and the code may return the same network each time.
    network = _copied(code, _call(code, checkpoint, num_classes if asked else None)[0])
    if other and not asked and facts.outputs is not None:
        renew(network, facts.outputs, num_classes)
    answer_with_logits(network)
    return network.train()


def _call(code: UserCode, checkpoint: str | None, num_classes: int | None) -> tuple[nn.Module, Preprocessing | None]:
    if checkpoint is not None:
        return _from_checkpoint(code, checkpoint), None
    returned, given = code.call(**({} if num_classes is None else {CLASSES: num_classes})), None
    if isinstance(returned, tuple) and len(returned) == 2:
        returned, given = returned
    if not isinstance(returned, nn.Module):
        raise UserError(
            f"'{code.text}' returns a {type(returned).__name__}; let it return a torch.nn.Module, or that and its "
            "preprocessing."
        )
    recipe = None if given is None else read_recipe(given)
    if given is not None and recipe is None:
        raise UserError(
            f"'{code.text}' returns {type(given).__name__} as preprocessing; return (mean, std), the transforms of "
            "torchvision's weights, or timm's data configuration."
        )
    return returned, recipe


def _from_checkpoint(code: UserCode, path: str) -> nn.Module:
    read_torch_file(path)  # for its sentences about what is not plain, damaged or missing
    try:
        made: nn.Module = code.function.load_from_checkpoint(  # type: ignore[attr-defined]
            path, map_location="cpu", weights_only=True, **code.options
        )
    except Exception as error:  # the user's class may raise anything
        raise UserError(
            f"'{path}' cannot be loaded by {code.text} ({said_by(error)}); give what its class needs as "
            f"{code.text}{{argument: value}}."
        ) from error
    return made


def _is_lightning(code: UserCode) -> bool:
    return inspect.isclass(code.function) and issubclass(code.function, LightningModule)


def _copied(code: UserCode, network: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(network)
    except Exception as error:  # a module may hold what cannot be copied, and each raises as it likes
        raise UserError(f"the network of '{code.text}' cannot be copied ({said_by(error)}); correct it.") from error


def _outputs(network: nn.Module, recipe: Preprocessing) -> int | None:
    """Number of outputs, by a grey picture or, where the network does not take its size, by the last layer."""
    try:
        with torch.no_grad():
            answer = network.eval()(torch.zeros(1, len(recipe.mean), *sides(recipe.size)))
        answer = getattr(answer, "logits", answer)
    except Exception:  # the network may be for other sizes, and refuse with any type
        answer = None
    return answer.shape[1] if isinstance(answer, Tensor) and answer.ndim == 2 else last_outputs(network)


def _no_published() -> State:
    raise UserError("there are no published weights for a network of your own; give a file, or none.")
