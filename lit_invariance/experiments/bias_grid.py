"""The causal experiment: does augmentation buy invariance for typical images only? A grid of bias x mitigation.

`python -m lit_invariance.experiments.bias_grid` trains on `shapes`, where the photographer's bias is a dial, and
measures each network on images of its own bias and on images of none. Called again, it does what is missing.
"""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm  # type: ignore[import-untyped]

from lit_invariance.cli.allocator import keep_freed_memory
from lit_invariance.errors import UserError, unknown
from lit_invariance.experiments.bias_cell import CONFIGS, CausalResults, Trial, TrialResult, finished, run_cell
from lit_invariance.experiments.bias_figure import causal_figure
from lit_invariance.files import replacing, writable_folder
from lit_invariance.parser import OneSentenceErrors, run_command
from lit_invariance.plotting import save_figure


def make_parser() -> OneSentenceErrors:
    """Make the command's parser."""
    about = "Train on shapes under several biases and mitigations, and measure stability inside and outside each bias."
    parser = OneSentenceErrors(prog="python -m lit_invariance.experiments.bias_grid", description=about)
    biases = "Photographer's biases of the training images, each in 0 to 1."
    parser.add_argument("--biases", nargs="+", type=float, default=[0.0, 0.3, 0.6, 0.9], help=biases)
    known = ", ".join(CONFIGS)
    parser.add_argument("--mitigations", nargs="+", type=str, default=list(CONFIGS), help=f"Some of {known}.")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="A network is trained for each.")
    parser.add_argument("--train_images", type=int, default=4000, help="Training images of each network.")
    parser.add_argument("--val_images", type=int, default=1000, help="Images that each network is measured on.")
    parser.add_argument("--epochs", type=int, default=5, help="Epochs of training.")
    parser.add_argument("--output", type=str, default="results/causal", help="Folder for the results.")
    return parser


def run_causal(args: Sequence[str] | None = None) -> CausalResults:
    """Run the experiment, or what is missing of it.

    Each finished cell is a file in `cells/` of the output folder; the results are `causal.json` and a figure. The grid
    of the defaults has 12 cells, each about 1.5 minutes of one core (AMD EPYC).

    Args:
        args: Command-line arguments; None takes the process's own.

    Raises:
        UserError: If the user must fix something.
        SystemExit: With code 2 after a bad argument, 0 after `--help`.
    """
    settings = make_parser().parse_args(sys.argv[1:] if args is None else list(args))
    images = settings.train_images, settings.val_images
    cells = [
        Trial(bias, mitigation, seed, *images, settings.epochs)
        for seed in settings.seeds
        for bias in settings.biases
        for mitigation in settings.mitigations
    ]
    for cell in cells:
        _check(cell)
    folder = Path(settings.output)
    kept = writable_folder(folder / "cells")
    found = {cell: finished(cell, kept) for cell in cells}  # before an hour of training, not after it
    done = [
        found[cell] or run_cell(cell, kept) for cell in tqdm(cells, desc="causal experiment", leave=False, disable=None)
    ]
    results: CausalResults = {"cells": done}
    with replacing(folder / "causal.json") as temporary:
        temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    plots = save_figure(partial(causal_figure, results), folder / "causal")
    print("\n".join(_table(done)))
    print(f"\nresults: {folder / 'causal.json'}\nplots:   {plots[0]} (and .svg)")
    return results


def _check(cell: Trial) -> None:
    if cell.mitigation not in CONFIGS:
        raise unknown("mitigation of the experiment", cell.mitigation, CONFIGS)
    if not 0 <= cell.bias <= 1:
        raise UserError(f"--biases {cell.bias:g} is out of range; a bias is between 0 and 1.")
    if cell.epochs < 1:
        raise UserError(f"--epochs is {cell.epochs}; it must be at least 1.")


def _table(cells: Sequence[TrialResult]) -> list[str]:
    columns = [(entry["where"], entry["score"]) for entry in cells[0]["measured"]]
    lines = ["bias  mitigation   seed  " + "  ".join(f"{where} {score:<12}" for where, score in columns)]
    for cell in cells:
        settings = cell["settings"]
        head = f"{settings['bias']:<4g}  {settings['mitigation']:<11}  {settings['seed']:<4}  "
        values = [f"{entry['mean']:.3f} [{entry['low']:.3f}, {entry['high']:.3f}]" for entry in cell["measured"]]
        widths = [len(f"{where} {score:<12}") for where, score in columns]
        lines.append(head + "  ".join(map(str.ljust, values, widths)))
    return [line.rstrip() for line in lines]


if __name__ == "__main__":
    keep_freed_memory()
    run_command(run_causal)
