"""What a user must know of a file of weights: what it does not hold, measured."""

from pathlib import Path

from lit_invariance.data.batch import Positioned
from lit_invariance.errors import UserError
from lit_invariance.evaluation.own_network import Normalise, OwnNetwork
from lit_invariance.models.exported.description import NORMALISED
from lit_invariance.registry import parse_spec
from lit_invariance.shipping.packing import Packed
from lit_invariance.shipping.parity import measure_parity
from lit_invariance.shipping.plain_weights import rebuilt, surgery_of, wrappers_of


def remarks_on(packed: Packed, path: Path, images: Positioned, seed: int, progress: bool) -> list[str]:
    """Say what a file does not hold.

    Args:
        packed: What was written.
        path: The file.
        images: Pictures to show the difference on.
        seed: Seed of the views.
        progress: Whether to show a progress bar.

    Returns:
        Sentences.
    """
    about, model = packed.description, packed.model
    remarks = []
    if about.input == NORMALISED:
        remarks.append(f"it takes normalised pictures: (picture - {list(about.mean)}) / {list(about.std)}")
    if path.suffix != ".safetensors":
        return remarks
    wrappers = wrappers_of(model)
    if wrappers:
        remarks.append(f"not in the file, because weights hold no code: {', '.join(wrappers)}; wrap the network again")
    surgery = [parse_spec("mitigation", spec)[0] for spec in surgery_of(model)]
    if surgery and not isinstance(model.classifier, OwnNetwork):
        remarks.append(_without_surgery(packed, path, surgery, images, seed, progress))
    return remarks


def _without_surgery(
    packed: Packed, path: Path, surgery: list[str], images: Positioned, seed: int, progress: bool
) -> str:
    classifier = packed.model.classifier
    done = ", ".join(surgery)
    try:
        plain = rebuilt(packed.model, packed.description.classes, path, with_surgery=False)
    except (UserError, RuntimeError):  # as load_state_dict says it
        return f"the plain network does not take these weights: {done} has parameters of its own"
    normalise = Normalise(classifier.preprocessing)
    found = measure_parity(
        classifier.once, lambda pictures: plain(normalise(pictures)), classifier.preprocessing, images, seed, progress
    )
    flips, views = sum(one.flips for one in found), sum(one.views for one in found)
    return (
        f"the plain network takes these weights, but is another network: without {done}, {flips} of {views} answers "
        f"change, and logits differ by up to {max(one.worst for one in found):.2g}"
    )
