"""The folder of networks and measurements that are finished, so that an interrupted run goes on from them."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from lit_invariance.evaluation.results import versions
from lit_invariance.files import replacing
from lit_invariance.fixing.plan import Plan
from lit_invariance.results.outcomes import UNREADABLE, Outcomes, load_outcomes, save_outcomes

FOLDER, SETTINGS = "tried", "settings.json"


class Tried:
    """Finished parts of a run; they are used again by a run of the same settings only.

    Args:
        folder: The run's folder of checkpoints; it exists and is owned by this process.
        plan: The settings of the run.
        data: What names the pictures, such as the fingerprint of their files.
    """

    def __init__(self, folder: Path, plan: Plan, data: str) -> None:
        self.folder = folder / FOLDER
        settings = {
            "model": plan.model,
            "data": plan.data,
            "trainer": plan.trainer,
            "protocols": [choice.label for choice in plan.protocols],
            "seed": plan.seed,
            "pictures": data,
            "versions": versions(),
        }
        text = json.dumps(settings, sort_keys=True, default=str)
        name = hashlib.sha256(text.encode()).hexdigest()
        marked = self.folder / SETTINGS
        if self.folder.is_dir() and (not marked.is_file() or marked.read_text(encoding="utf-8") != name):
            self.remove()
        self.folder.mkdir(exist_ok=True)
        with replacing(marked) as temporary:
            temporary.write_text(name, encoding="utf-8")

    def network(self, name: str, make: Callable[[Path], None]) -> Path:
        """Return the checkpoint of a network, made now unless it is there.

        Args:
            name: Its name, a part of the file's.
            make: Writes it to a path.
        """
        path = self.folder / f"{name}.ckpt"
        if not path.is_file():
            make(path)
        return path

    def outcomes(self, name: str, measure: Callable[[], Outcomes]) -> Outcomes:
        """Return a measurement, taken now unless it is there.

        Args:
            name: Its name, a part of the file's.
            measure: Takes it.
        """
        path = self.folder / f"{name}.npz"
        try:
            return load_outcomes(path)
        except UNREADABLE:
            found = measure()
            save_outcomes(found, path)
            return found

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder)
