"""The results of an evaluation: their content, and the files they are written to."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from torch import distributed

from lit_invariance.evaluation.pictures import write_pictures
from lit_invariance.evaluation.results import write_results
from lit_invariance.evaluation.unfinished import Unfinished
from lit_invariance.files import made_if_filled, owned
from lit_invariance.manifest import listed
from lit_invariance.names import printable
from lit_invariance.report.costs import format_costs
from lit_invariance.report.diagnostics import format_findings, save_diagnostics
from lit_invariance.report.executors import format_executors
from lit_invariance.report.junit import NAME as JUNIT
from lit_invariance.report.overview import format_overview
from lit_invariance.report.page import NAME, save_page
from lit_invariance.report.plots import save_plots
from lit_invariance.report.published import format_published
from lit_invariance.report.series import format_series, save_series
from lit_invariance.report.table import format_tables
from lit_invariance.report.video_curve import save_curves
from lit_invariance.results.outcomes import Outcomes
from lit_invariance.results.reading import OUTCOMES, RESULTS, read_folder
from lit_invariance.results.schema import ResultsContent

PLOTS = ("scores", "accuracy_against", "series", "diagnostics")
DRAWN = (NAME, *(f"{plot}_*.{kind}" for plot in PLOTS for kind in ("png", "svg")))
NAMES = (
    *DRAWN,
    RESULTS,
    "results.csv",
    OUTCOMES,
    JUNIT,
    "pictures/*.webp",
    *(f"video_*.{kind}" for kind in ("csv", "png", "svg")),
)
"""What an evaluation writes into its folder, as `Path.glob` takes it."""


@contextmanager
def results_folder(folder: str | Path) -> Iterator[Path]:
    """Make a folder if necessary, and own it; if the evaluation writes no file, the folder is removed again.

    Args:
        folder: The folder.

    Yields:
        The folder.

    Raises:
        UserError: If it cannot be written, or another process writes to it.
    """
    with made_if_filled(Path(folder)) as output, owned(output, "evaluation"):
        yield output


@dataclass(frozen=True)
class Saved:
    """The files that results were written to.

    Attributes:
        files: The numbers: results.json, results.csv, outcomes.npz, and a table for each curve of a film.
        plots: Figures, each as PNG and SVG.
        report: The HTML page.
    """

    files: list[Path]
    plots: list[Path]
    report: Path


@dataclass(frozen=True)
class Results:
    """The results of an evaluation.

    Attributes:
        content: What `results.json` holds, see `docs/results.md`.
        outcomes: The answers of every model to every image under every protocol.
        pictures: The views shown in the report: path below the results folder, to WebP.
        unfinished: Intermediate results, in case the evaluation is interrupted; deleted when the results are saved.
    """

    content: ResultsContent
    outcomes: Outcomes
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    unfinished: Unfinished | None = None

    @classmethod
    def load(cls, folder: str | Path) -> "Results":
        """Read what `save` has written.

        Args:
            folder: Where `results.json` and `outcomes.npz` are.

        Raises:
            UserError: If one of them is missing or broken, or they are not from the same evaluation.
        """
        return cls(*read_folder(Path(folder)))

    def table(self) -> str:
        """Return the comparison as text: an overview, scores with intervals and differences, findings, and costs."""
        parts = (
            format_overview(self.content),
            format_tables(self.content),
            format_series(self.content),
            format_findings(self.content.get("diagnostics", {})),
            format_costs(self.content),
            format_executors(self.content),
            format_published(self.content),
        )
        # Names may come from somebody else's results file, and a terminal obeys what some letters say.
        return "\n".join(map(printable, "\n\n".join(filter(None, parts)).split("\n")))

    def save(self, folder: str | Path) -> Saved | None:
        """Write results, plots and report, as the command does; each file appears whole or not at all.

        Args:
            folder: The results folder; made where there is none.

        Returns:
            The files; None in all processes but the first, which write nothing.

        Raises:
            UserError: If the folder cannot be written, another process writes to it, or a file that no evaluation has
                written would be replaced.
        """
        if distributed.is_available() and distributed.is_initialized() and distributed.get_rank() > 0:
            return None
        with results_folder(folder) as output, listed(output, NAMES):
            write_pictures(self.pictures, output)
            files = write_results(self.content, self.outcomes, output)
            if self.unfinished is not None:
                self.unfinished.remove()
            return self._draw(output, files)

    def draw(self, folder: str | Path) -> Saved:
        """Draw the plots and write the report into a folder that holds the results already.

        Args:
            folder: The results folder.

        Raises:
            UserError: If the folder cannot be written, another process writes to it, or a file that no evaluation has
                written would be replaced.
        """
        with results_folder(folder) as output, listed(output, DRAWN):
            return self._draw(output, [])

    def _draw(self, folder: Path, files: Sequence[Path]) -> Saved:
        plots = save_plots(self.content, folder) + save_series(self.content, folder)
        plots += save_diagnostics(self.content.get("diagnostics", {}), folder)
        tables, drawn = save_curves(self.content.get("curves", []), folder)
        plots += drawn
        return Saved([*files, *tables], plots, save_page(self.content, self.outcomes, folder))
