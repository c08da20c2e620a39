"""The frames of anchors that the reference answered rightly, and frames near them that it did not, for the report."""

from functools import partial

import numpy as np
import torch

from lit_invariance.data.anchored_films import AnchoredFilms
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.pictures import FOLDER, WORST, picture_entry, webp
from lit_invariance.evaluation.protocols import ProtocolChoice
from lit_invariance.evaluation.sheets import Sheet, stacked, views_near
from lit_invariance.names import file_stems, printable
from lit_invariance.plotting import drawn
from lit_invariance.protocols import views_of
from lit_invariance.results.outcomes import Answers, Outcomes
from lit_invariance.results.schema import PictureEntry


def anchor_pictures(
    films: AnchoredFilms, outcomes: Outcomes, model: Model, label: str, view: ProtocolChoice
) -> tuple[list[PictureEntry], dict[str, bytes]]:
    """Show anchors that are right while a frame near them is wrong, as WebP: the anchor, and frames around the wrong.

    The worst are those whose class is much more probable at the anchor than at the nearest wrong frame. Anchors with
    several labels, of which a table of results holds one, are left out.

    Args:
        films: The films with their anchors.
        outcomes: What the models answered.
        model: The reference model.
        label: The protocol's.
        view: What is shown of every frame.

    Returns:
        What is shown, from the worst on; and the files, path below the results folder to content.
    """
    answers = outcomes.answers[model.name, label]
    (stem,) = file_stems([label]).values()
    entries: list[PictureEntry] = []
    contents: dict[str, bytes] = {}
    for row, wrong in worst_anchors(films, answers, outcomes.columns[model.name, label, "gap"], outcomes.labels):
        anchor = films.anchors[row]
        sheet = drawn(f"frames around anchor {row}", partial(_sheet, films, row, wrong, answers, model, view))
        if sheet is None:
            continue
        file = f"{FOLDER}/{stem}_{row}.webp"
        contents[file] = webp(sheet)
        name = printable(f"{anchor.film.name}, frame {anchor.frame}")
        entries.append(picture_entry(sheet, label, row, name, file, (films.reach, wrong)))
    return entries, contents


def worst_anchors(
    films: AnchoredFilms, answers: Answers, gap: np.ndarray, labels: np.ndarray, most: int = WORST
) -> list[tuple[int, int]]:
    """Find the anchors that are right, and the nearest frame of each that is wrong.

    Args:
        films: The films with their anchors.
        answers: Of one model.
        gap: `(N,)`, 1 where the anchor is right and a frame near it is not.
        labels: `(N,)`.
        most: Maximum number of anchors.

    Returns:
        Pairs of an anchor's row and the view that is wrong, the worst first.
    """
    found = []
    for row in np.flatnonzero(gap):
        anchor, said = films.anchors[row], answers.predictions[row]
        if {len(own) for own in (anchor.labels, *anchor.neighbours.values())} != {1}:
            continue
        wrong = np.flatnonzero((said >= 0) & (said != labels[row]))
        nearest = int(wrong[np.argmin(np.abs(wrong - films.reach))])
        true = answers.true_probability[row]
        found.append((float(true[films.reach] - true[nearest]), int(row), nearest))
    return [(row, nearest) for _, row, nearest in sorted(found, key=lambda one: (-one[0], one[1]))[:most]]


def _sheet(films: AnchoredFilms, row: int, wrong: int, answers: Answers, model: Model, view: ProtocolChoice) -> Sheet:
    """The anchor and a few frames around the wrong one, below one another."""
    shown = np.flatnonzero(answers.predictions[row] >= 0).tolist()
    kept = views_near(shown, films.reach, wrong)
    protocol = view.build(model.classifier.preprocessing)
    numbers = [films.anchors[row].frame + place - films.reach for place in kept]
    frames = films.frames_of(row, numbers)
    views = views_of(protocol, frames, torch.arange(len(frames)), seed=0)[:, 0]
    return stacked(list(views), kept)
