"""`--fail_above` and `--fail_below`: bounds that a CI job holds its models to."""

import math
import sys
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from jsonargparse import Namespace

from lit_invariance.api.results import results_folder
from lit_invariance.cli.options import Given
from lit_invariance.errors import UserError, unknown
from lit_invariance.evaluation.anchors import label_of
from lit_invariance.evaluation.protocols import ProtocolChoice, choose_protocols
from lit_invariance.evaluation.vid_robust import NAME as VID_ROBUST
from lit_invariance.evaluation.vid_robust import SHOWN
from lit_invariance.evaluation.video import LABEL as FILM
from lit_invariance.evaluation.video import PAIR_SCORES
from lit_invariance.manifest import listed
from lit_invariance.metrics import FEATURE_SCORES, OF_NEIGHBOURS, ROW_SCORES, SCORES, SET_SCORES, Score
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.names import printable
from lit_invariance.report.bounds import Bound, judge
from lit_invariance.report.junit import NAME, save_junit
from lit_invariance.results.schema import ResultsContent, scores_under

KNOWN = (*ROW_SCORES, *SET_SCORES)
BROKEN = 1
"""The exit code where a bound is broken; a mistake has 2."""


def read_bounds(given: Given) -> list[Bound]:
    """Read the bounds of a command line.

    Args:
        given: What it says.

    Returns:
        The bounds, first those of `--fail_above`.

    Raises:
        UserError: If one is not written as `protocol.score=limit`, or `--strict` stands alone.
    """
    bounds = [
        _bound(option, text, above)
        for option, above in (("fail_above", True), ("fail_below", False))
        for text in given.options.get(option) or []
    ]
    if given.options.get("strict") and not bounds:
        raise UserError("--strict says how bounds are judged; give one with --fail_above or --fail_below.")
    return bounds


def _bound(option: str, text: str, above: bool) -> Bound:
    where, _, limit = text.rpartition("=")
    protocol, _, score = where.rpartition(".")
    try:
        value = float(limit)
    except ValueError:
        value = math.nan
    if not protocol or not math.isfinite(value):
        raise UserError(f"--{option} is '{text}'; write protocol.score=limit, such as 'crop.top1_change=0.05'.")
    return Bound(protocol.strip(), score.strip(), value, above)


def check_bounds(bounds: Sequence[Bound], settings: Namespace) -> None:
    """See that an evaluation will measure what the bounds speak of.

    Args:
        bounds: The bounds.
        settings: All options.

    Raises:
        UserError: If a protocol or a score is not among what will be measured.
    """
    chosen = choose_protocols(settings.protocols)
    of_features = FEATURE_SCORES if settings.embedding else {}
    if settings.anchors is not None:
        reach = settings.anchor_reach
        known = {*SHOWN, *of_features, *_of_set(2 * reach + 1, reference=None)}
        _check(bounds, {(VID_ROBUST, label_of(reach)): known})
    elif settings.video is not None:
        pairs = {name for name, score in of_features.items() if score.views <= 2}
        _check(bounds, {(FILM, FILM): {*PAIR_SCORES, *pairs, *_of_set(2, reference=None)}})
    else:
        scores = SCORES | of_features
        _check(bounds, {(choice.name, choice.label): _scores_of(choice, scores) for choice in chosen})


def _scores_of(choice: ProtocolChoice, known: Mapping[str, Score]) -> set[str]:
    protocol = choice.build(Preprocessing())
    views = len(protocol.steps)
    scores = {name for name, score in known.items() if score.views <= views} | _of_set(views, protocol.reference)
    return scores - OF_NEIGHBOURS if protocol.against_first else scores


def _of_set(views: int, reference: int | None) -> set[str]:
    return {name for name, score in SET_SCORES.items() if score.measurable(views, True, reference)}


def check_bounds_of(bounds: Sequence[Bound], results: ResultsContent) -> None:
    """See that results hold what the bounds speak of.

    Args:
        bounds: The bounds.
        results: The results.

    Raises:
        UserError: If a protocol or a score is not among them.
    """
    entries = results["protocols"]
    _check(bounds, {(one["name"], one["label"]): set(scores_under(results, one["label"])) for one in entries})


def _check(bounds: Sequence[Bound], measured: Mapping[tuple[str, str], Set[str]]) -> None:
    for bound in bounds:
        meant = [scores for names, scores in measured.items() if bound.protocol in names]
        if not meant:
            raise unknown("protocol of a bound", bound.protocol, {name for names in measured for name in names})
        if bound.score not in KNOWN:
            raise unknown("score of a bound", bound.score, KNOWN)
        if not any(bound.score in scores for scores in meant):
            raise UserError(
                f"{bound.score} is not measured under {bound.protocol}; a bound can be on "
                f"{', '.join(score for score in KNOWN if score in meant[0])}."
            )


def gate(results: ResultsContent, bounds: list[Bound], strict: bool, folder: Path) -> None:
    """Write `junit.xml`, print which bounds are broken, and leave if one is.

    Args:
        results: The results.
        bounds: The bounds; without one, nothing happens.
        strict: Whether the whole interval must keep a bound.
        folder: The results folder.

    Raises:
        SystemExit: With code 1 if a bound is broken.
    """
    if not bounds:
        return
    verdicts = judge(results, bounds, strict)
    with results_folder(folder) as output, listed(output, (NAME,)):
        print(f"bounds:  {printable(save_junit(verdicts, output))}")
    broken = [verdict for verdict in verdicts if verdict.broken]
    for verdict in broken:
        sys.stderr.write(f"bound broken: {printable(verdict.sentence)}\n")
    if broken:
        sys.exit(BROKEN)
    for verdict in verdicts:
        print(f"bound kept: {printable(verdict.sentence)}")
