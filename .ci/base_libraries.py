"""Link the libraries that this project needs without any extra into a folder, and no others."""

import re
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement


def closure(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> None:
    """Add a distribution and all that it needs."""
    key = (re.sub(r"[-_.]+", "-", name).lower(), extras)
    if key in seen:
        return
    seen.add(key)
    for line in distribution(name).requires or ():
        needed = Requirement(line)
        wanted = needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras or {""})
        if wanted:
            closure(needed.name, frozenset(needed.extras), seen)


def main(folder: Path) -> None:
    """Fill the folder with links."""
    folder.mkdir(parents=True)
    needed: set[tuple[str, frozenset[str]]] = set()
    closure("lit-invariance", frozenset(), needed)
    for name in {name for name, _ in needed} - {"lit-invariance"}:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(found.locate_file(top))).resolve())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
