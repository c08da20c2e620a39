"""The views on which the reference failed worst, kept as small pictures for the report."""

import io
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lit_invariance.data.batch import Positioned
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.evaluation.sheets import Sheet, make_sheet
from lit_invariance.files import replacing, writable_folder
from lit_invariance.names import file_stems, printable
from lit_invariance.plotting import drawn
from lit_invariance.protocols import Protocol, generator_for
from lit_invariance.results.outcomes import Answers, Outcomes
from lit_invariance.results.schema import PictureEntry
from lit_invariance.results.steps import grid_side

FOLDER = "pictures"
WORST = 3  # images of each protocol
SIDE = 240  # pixels of a view, at most
QUALITY = 80


def worst_pictures(
    outcomes: Outcomes,
    models: Sequence[Model],
    protocols: Sequence[ProtocolChoice],
    reference: str,
    images: Positioned,
    seed: int,
) -> tuple[list[PictureEntry], dict[str, bytes]]:
    """Make views of the images that failed worst once more, as WebP: a worst pair of neighbours, and those around it.

    The worst images of a protocol are those on which the reference model changes its answer from one view to the next
    and the true class's probability most; where no class is known, those on which it is most sure of both answers.

    Args:
        outcomes: What the models answered.
        models: The models.
        protocols: The protocols; those with one view have no neighbours and are skipped.
        reference: Name of the reference model.
        images: The images that were evaluated.
        seed: Seed of the views.

    Returns:
        What is shown, in the order of the protocols and, within each, from the worst on; and the files, path below the
        results folder to content.
    """
    network = next(model for model in models if model.name == reference).classifier
    entries: list[PictureEntry] = []
    contents: dict[str, bytes] = {}
    stems = file_stems(choice.label for choice in protocols)
    for choice in protocols:
        protocol = choice.build(network.preprocessing)
        side = grid_side({"unit": protocol.unit, "steps": list(protocol.steps)})
        answers = outcomes.answers[reference, choice.label]
        for row, first in worst_pairs(answers, side, against_first=protocol.against_first):
            index, name = int(outcomes.indices[row]), images.name(int(outcomes.indices[row]))
            pair = (0 if protocol.against_first else first, first + 1)
            make = partial(_sheet, protocol, images, index, seed, pair)
            sheet = drawn(f"views of {name}", make)
            if sheet is None:
                continue
            file = f"{FOLDER}/{stems[choice.label]}_{index}.webp"
            contents[file] = webp(sheet)
            paths = images.source.paths
            file_name = "" if paths is None else printable(Path(paths[index]).name)
            entries.append(picture_entry(sheet, choice.label, index, file_name, file, pair))
    return entries, contents


def picture_entry(
    sheet: Sheet, protocol: str, index: int, name: str, file: str, worst: tuple[int, int]
) -> PictureEntry:
    """Describe a picture for the results.

    Args:
        sheet: What it shows.
        protocol: Label of the protocol.
        index: Position of the image, or number of the anchor.
        name: What a reader calls it; empty where it has no name.
        file: Path below the results folder.
        worst: Positions of the two views between which the reference failed.
    """
    return {
        "protocol": protocol,
        "index": index,
        "name": name,
        "file": file,
        "size": list(sheet.pixels.shape[1:]),
        "window": list(sheet.window),
        "views": sheet.views,
        "places": [list(place) for place in sheet.places],
        "worst": list(worst),
    }


def write_pictures(contents: Mapping[str, bytes], folder: Path) -> None:
    """Write pictures.

    Args:
        contents: Path below the folder, to content.
        folder: The results folder.
    """
    writable_folder(folder / FOLDER)
    for file, content in contents.items():
        with replacing(folder / file) as temporary:
            temporary.write_bytes(content)


def worst_pairs(
    answers: Answers, side: int | None = None, most: int = WORST, against_first: bool = False
) -> list[tuple[int, int]]:
    """Find the images whose true class's probability jumps most where the answer changes; then, where it does not.

    Where no class is known, the jump is the probability of the less certain of two different answers, or the change of
    that of an answer that stays.

    Args:
        answers: Of one model under one protocol.
        side: Of the grid of shifts that the views are, row by row; the end of a row is no neighbour of the next one.
        most: Maximum number of images.
        against_first: Whether a jump is from the first view, rather than from the one before.

    Returns:
        Pairs of an image's row and the view before that with its greatest jump, the worst image first.
    """
    if answers.true_probability.shape[1] < 2:
        return []
    before = slice(0, 1) if against_first else slice(0, -1)
    changed = answers.predictions[:, 1:] != answers.predictions[:, before]
    top, true = (values.astype(np.float64) for values in (answers.top_probability, answers.true_probability))
    jumps: NDArray[np.float64] = np.abs(true[:, 1:] - true[:, before])
    if np.isnan(true).all():
        jumps = np.where(changed, np.minimum(top[:, 1:], top[:, before]), np.abs(top[:, 1:] - top[:, before]))
    jumps = np.nan_to_num(jumps)
    if side is not None:
        jumps[:, side - 1 :: side] = 0
    # A jump is at most 1, so that every change of the answer comes before all else.
    badness = jumps + (changed & (jumps > 0))
    rows = np.argsort(-badness.max(1), kind="stable")[:most]
    return [(int(row), int(badness[row].argmax())) for row in rows if badness[row].max() > 0]


def _sheet(protocol: Protocol, images: Positioned, index: int, seed: int, pair: tuple[int, int]) -> Sheet:
    image, _ = images.source[index]
    protocol = protocol.of_file(images.file(index))
    return make_sheet(protocol, image, partial(generator_for, seed, protocol.name, index), images.box(index), pair)


def webp(sheet: Sheet) -> bytes:
    """Write a sheet as WebP, scaled down to views of `SIDE` pixels at most."""
    pixels = (sheet.pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    picture, content = Image.fromarray(pixels), io.BytesIO()
    shrunk = min(1, SIDE / max(sheet.window))
    picture.thumbnail((math.ceil(shrunk * picture.width), math.ceil(shrunk * picture.height)))
    picture.save(content, "WEBP", quality=QUALITY)
    return content.getvalue()
