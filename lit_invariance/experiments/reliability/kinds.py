"""Every kind of fault that is injected: a name, and what injects it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lit_invariance.experiments.reliability import (
    damaged_data,
    damaged_records,
    shared_folders,
    stopped_evaluations,
    stopped_trainings,
)
from lit_invariance.experiments.reliability.mutations import Tally


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        what: The fault or input, as the table calls it.
        cases: How many are tried.
        inject: Tries so many in an empty folder, drawn by a seed.
        parts: Number of processes' worth of work it is cut into.
    """

    what: str
    cases: int
    inject: Callable[[Path, int, int], Tally]
    parts: int = 1


KINDS: dict[str, Kind] = {
    "training_kills": Kind(
        "training killed at a random moment (SIGKILL, SIGTERM, SIGINT), then repeated",
        20,
        stopped_trainings.killed_trainings,
        parts=2,
    ),
    "evaluation_kills": Kind(
        "evaluation killed at a random moment (SIGKILL, SIGTERM, SIGINT), then repeated",
        40,
        stopped_evaluations.killed_evaluations,
        parts=2,
    ),
    "results": Kind("damaged results.json or outcomes.npz", 2000, damaged_records.damaged_results, parts=4),
    "configs": Kind("damaged config", 2000, damaged_records.damaged_configs, parts=4),
    "checkpoints": Kind("damaged checkpoint", 2000, damaged_records.damaged_checkpoints, parts=4),
    "pictures": Kind("damaged picture", 2000, damaged_data.damaged_pictures, parts=2),
    "boxes": Kind("damaged file of boxes", 2000, damaged_data.damaged_boxes, parts=2),
    "full_disk": Kind("disk full from a random write on", 30, shared_folders.full_disks),
    "foreign_files": Kind("results folder with foreign files", 100, shared_folders.foreign_folders),
    "second_process": Kind("second evaluation into one folder", 10, shared_folders.second_processes),
}
