"""The work of the evaluation command: compare models, print the table, write the results."""

from collections.abc import Sequence
from pathlib import Path

from jsonargparse import Namespace

from lit_invariance.api.evaluate import evaluate as compare
from lit_invariance.api.results import NAMES, Results, Saved, results_folder
from lit_invariance.cli.gate import check_bounds, check_bounds_of, gate, read_bounds
from lit_invariance.cli.options import Given
from lit_invariance.cli.request import Request, settle
from lit_invariance.data.anchored_films import AnchoredFilms
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.data.video import Film
from lit_invariance.errors import UserError
from lit_invariance.manifest import Manifest
from lit_invariance.names import printable


def answer(given: Given, args: Sequence[str]) -> None:
    """Run the evaluation of a command line.

    Args:
        given: What it says.
        args: The arguments, for the results file.

    Raises:
        UserError: If the user must fix something.
        SystemExit: With code 1 if a bound is broken.
    """
    bounds, strict = read_bounds(given), bool(given.options.get("strict"))
    earlier = given.options.get("from")
    if earlier is not None:
        results = Results.load(earlier)
        check_bounds_of(bounds, results.content)
        _present(results, results.draw(earlier))
        gate(results.content, bounds, strict, Path(earlier))
        return
    request = settle(given)
    check_bounds(bounds, request.settings)
    with results_folder(request.settings.output) as folder:
        Manifest(folder).refuse_foreign(NAMES)  # before hours of measuring
        results = _measure(request, folder, args)
        saved = results.save(folder)
    if saved is not None:
        _present(results, saved)
        check_bounds_of(bounds, results.content)  # some data leave a protocol out
        gate(results.content, bounds, strict, folder)


def _measure(request: Request, folder: Path, args: Sequence[str]) -> Results:
    settings = request.settings
    return compare(
        {source.name: source for source in request.models},
        _data(settings),
        settings.protocols,
        reference=request.reference,
        seed=settings.seed,
        draws=settings.draws,
        image_size=request.image_size,
        geometry=settings.preprocessing,
        batch_size=settings.data.batch_size,
        label=settings.video_label,
        diagnose=settings.diagnose,
        diagnose_images=settings.diagnose_images,
        diagnose_boxes=settings.diagnose_boxes,
        embedding=settings.embedding,
        cost=settings.cost,
        accelerator=settings.accelerator,
        devices=settings.devices,
        num_nodes=settings.num_nodes,
        precision=settings.precision,
        compile=settings.compile,
        progress=settings.progress,
        unfinished=folder,
        command=[printable(word) for word in args],
    )


def _data(settings: Namespace) -> InvarianceData | Film | AnchoredFilms:
    chosen = settings.data.as_dict()
    if settings.anchors is not None and settings.video is None:
        raise UserError("--anchors are frames of films; name the folder of the films with --video.")
    if settings.anchors is None and settings.anchor_classes is not None:
        raise UserError("--anchor_classes are those of anchors; name their table with --anchors.")
    if settings.video is None:
        return InvarianceData(**chosen)
    if settings.anchors is None:
        return Film(settings.video, chosen["max_images"])
    return AnchoredFilms(
        settings.video, settings.anchors, settings.anchor_reach, settings.anchor_classes, chosen["max_images"]
    )


def _present(results: Results, saved: Saved) -> None:
    """Print the table and where the files are."""
    print(results.table())
    if saved.files:
        print(f"\nresults: {', '.join(map(printable, saved.files))}", end="")
    figures = len(saved.plots) // 2  # each as .png and .svg
    folder = printable(saved.report.parent)
    print(f"\nplots:   {figures} in {folder}, each as .png and .svg\nreport:  {printable(saved.report)}")
