"""Short names for what determines the numbers: the images of a data set, and a whole evaluation."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lit_invariance.data.batch import Positioned
from lit_invariance.evaluation.model_sources import ModelSource
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.models.backbones import files_of
from lit_invariance.models.state_dict import is_file_name, split_entry

LENGTH = 16  # hexadecimal digits
LOOKED_AT = 16


def data_fingerprint(images: Positioned) -> str:
    """Name the images of an evaluation, so that two results can be recognised as being of the same images.

    Of picture files the names within their class folders, the sizes and the labels count, not the contents; of other
    data sets the pixels and labels of 16 images spread evenly over them, and their number.

    Args:
        images: The images that are evaluated.

    Returns:
        16 hexadecimal digits.
    """
    positions = list(images.positions)
    paths = images.source.paths
    digest = hashlib.sha256(repr(positions).encode())
    if paths is not None:
        for position in positions:
            path = Path(paths[position])
            digest.update(os.fsencode(f"{path.parent.name}/{path.name} {path.stat().st_size}\n"))
        return digest.hexdigest()[:LENGTH]
    looked_at = min(LOOKED_AT, len(positions))
    for number in range(looked_at):
        image, label = images.source[positions[number * len(positions) // looked_at]]
        digest.update(f"{label} {tuple(image.shape)}".encode() + image.numpy().tobytes())
    return digest.hexdigest()[:LENGTH]


def run_fingerprint(
    sources: Sequence[ModelSource], protocols: Sequence[ProtocolChoice], settings: Mapping[str, Any]
) -> str:
    """Name an evaluation: what was measured under the same name can be put together.

    Args:
        sources: The models; files count by path, size and time of their last change.
        protocols: The protocols.
        settings: Everything else that influences the numbers: data, seed, precision, versions.

    Returns:
        16 hexadecimal digits.
    """
    models = [[source.name, source.text, *_state(source)] for source in sources]
    labels = [choice.label for choice in protocols]
    text = json.dumps([models, labels, dict(settings)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def _state(source: ModelSource) -> list[int]:
    files = [source.checkpoint] if source.checkpoint else []
    if source.backbone:
        files += files_of(source.backbone, source.weights)
    if source.weights is not None and is_file_name(source.weights):
        files.append(Path(split_entry(source.weights)[0]))
    return [value for file in files for value in (file.stat().st_size, file.stat().st_mtime_ns)]
