"""Which files of a folder are ours: nothing else in it is ever replaced or deleted."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath

from lit_invariance.errors import UserError
from lit_invariance.files import before_writing, replacing

NAME = ".lit_invariance.json"


class Manifest:
    """The files that runs of this program have written to a folder, by their paths in it.

    A file is listed before it is written, so that what a killed run has left is known for its own.

    Args:
        folder: The folder. Where it has no manifest, or a broken one, nothing in it is ours.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: set[str] = set()
        with suppress(OSError, ValueError, TypeError):
            self.names = {str(name) for name in json.loads((folder / NAME).read_text(encoding="utf-8"))}
        self.added: set[str] = set()

    def refuse_foreign(self, patterns: Sequence[str]) -> None:
        """Check that no foreign file would be replaced.

        Args:
            patterns: The names that are about to be used, as `Path.glob` takes them.

        Raises:
            UserError: If a file has one of the names and is not ours, or a folder of that name is a link.
        """
        for pattern in patterns:
            self._refuse_links(self.folder / pattern)
        for path in self._found(patterns):
            self._refuse_foreign(path)

    def add(self, path: Path) -> None:
        """List a file that is about to be written; one outside the folder is nothing to us.

        Args:
            path: The file.

        Raises:
            UserError: If there is such a file, and it is not ours.
        """
        if not path.is_relative_to(self.folder) or path == self.folder / NAME:
            return
        self._refuse_foreign(path)
        name = self._name(path)
        self.added.add(name)
        if name not in self.names:
            self.names.add(name)
            self._save()

    def remove_earlier(self, patterns: Sequence[str]) -> None:
        """Delete what earlier runs have listed and this one has not written again.

        Args:
            patterns: The names that may be deleted, as `Path.glob` takes them.
        """
        for path in self._found(patterns):
            if self._name(path) in self.names - self.added:
                path.unlink(missing_ok=True)
        self.forget_deleted()

    def forget_deleted(self) -> None:
        """Remove missing files from the list."""
        gone = {name for name in self.names if not (self.folder / name).exists()}
        if not gone:
            return
        self.names -= gone
        if self.names:
            self._save()
        else:
            (self.folder / NAME).unlink(missing_ok=True)

    def _refuse_links(self, path: Path) -> None:
        """Through a link, a list in a folder from elsewhere would make files of any other folder ours."""
        for parent in path.parents[: len(path.relative_to(self.folder).parts) - 1]:
            if parent.is_symlink():
                raise UserError(f"{parent} is a link to another folder; remove the link, or name another --output.")

    def _refuse_foreign(self, path: Path) -> None:
        self._refuse_links(path)
        if path.exists() and self._name(path) not in self.names:
            raise UserError(
                f"{path} was not written by an evaluation of this version and would be replaced; move it away, or "
                "name another folder with --output."
            )

    def _found(self, patterns: Sequence[str]) -> list[Path]:
        return sorted(path for pattern in patterns for path in self.folder.glob(pattern))

    def _name(self, path: Path) -> str:
        return PurePath(path).relative_to(self.folder).as_posix()

    def _save(self) -> None:
        with replacing(self.folder / NAME) as temporary:
            temporary.write_text(json.dumps(sorted(self.names), indent=0) + "\n", encoding="utf-8")


@contextmanager
def listed(folder: Path, patterns: Sequence[str]) -> Iterator[None]:
    """List all files that the block writes into a folder, and replace those of an earlier run.

    Args:
        folder: The folder, which this process owns.
        patterns: The names that the block may use; what an earlier run has listed under them, and the block has not
            written again, is deleted when it ends without an error.

    Raises:
        UserError: If a file that is not ours has one of the names.
    """
    manifest = Manifest(folder)
    manifest.refuse_foreign(patterns)
    token = before_writing.set(manifest.add)
    try:
        yield
    finally:
        before_writing.reset(token)
    manifest.remove_earlier(patterns)
