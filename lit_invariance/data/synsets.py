"""The 1000 classes of ILSVRC2012 as ImageNet networks order them."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

VALIDATION_IMAGES = 50_000


@cache
def imagenet_classes() -> dict[str, str]:
    """Return WordNet synset (such as `n01440764`) to English name, in the order of the networks' outputs."""
    lines = Path(__file__).with_name("imagenet_synsets.txt").read_text(encoding="utf-8").splitlines()
    return {line.partition(" ")[0]: line.partition(" ")[2] for line in lines}


@cache
def imagenet_outputs() -> dict[str, int]:
    """Return WordNet synset to the number of its output, 0 to 999."""
    return {synset: output for output, synset in enumerate(imagenet_classes())}


def is_imagenet_validation(paths: Sequence[str | Path]) -> bool:
    """Return whether files are the whole validation set of ILSVRC2012, judged by their names.

    Args:
        paths: The files of a data set.
    """
    numbers = {found[1] for path in paths if (found := re.fullmatch(r"ILSVRC2012_val_(\d{8})", Path(path).stem))}
    return len(paths) == len(numbers) == VALIDATION_IMAGES
