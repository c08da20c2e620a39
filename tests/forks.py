"""Commands in processes of their own that begin with what this one has imported, which costs more than a small command.

A test whose subject is the start of a process, or how Lightning starts the further ones, runs the real command instead.
"""

import logging
import multiprocessing
import os
import runpy
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from pytorch_lightning.utilities import rank_zero_only

FORK = multiprocessing.get_context("fork")
SECONDS = 120


@dataclass
class Forked:
    """Processes that run the same command, each as one rank of them.

    Attributes:
        processes: Them.
        folder: Where they write what they print.
    """

    processes: list[BaseProcess]
    folder: Path

    def wait(self) -> "Forked":
        """Wait for their ends."""
        for process in self.processes:
            process.join(SECONDS)
        return self

    def wait_for_output(self) -> None:
        """Wait until something is printed.

        Raises:
            AssertionError: If the processes end before.
        """
        while not self.stdout:
            assert any(process.is_alive() for process in self.processes), self.stderr
            time.sleep(0.01)

    @property
    def codes(self) -> list[int | None]:
        """Their exit codes: negative after a signal, as those of `subprocess` are, and None of one that still runs."""
        return [process.exitcode for process in self.processes]

    @property
    def stdout(self) -> str:
        """What they print, one after the other."""
        return self._printed("out")

    @property
    def stderr(self) -> str:
        """What they print as errors, one after the other."""
        return self._printed("err")

    def _printed(self, end: str) -> str:
        return "".join((self.folder / f"{rank}.{end}").read_text() for rank in range(len(self.processes)))


@contextmanager
def beginning(command: Callable[[], object], argv: Sequence[str], ranks: int = 1) -> Iterator[Forked]:
    """Begin a command; what still runs behind the block is killed.

    Args:
        command: The command; it ends by returning, or by `SystemExit`.
        argv: Its name and arguments, as `sys.argv` has them.
        ranks: How many processes run it, with what `torchrun` sets for each where there are several.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # From Python 3.12: a fork has no threads but one, which is why it computes with one.
        warnings.simplefilter("ignore", DeprecationWarning)
        port = _free_port()
        processes = []
        for rank in range(ranks):
            for end in ("out", "err"):
                Path(folder, f"{rank}.{end}").touch()
            given = (command, list(argv), Path(folder), rank, _launched(rank, ranks, port))
            processes.append(FORK.Process(target=_run, args=given))
            processes[-1].start()
        try:
            yield Forked(processes, Path(folder))
        finally:
            for process in processes:
                process.kill()
                process.join()


def forked(command: Callable[[], object], argv: Sequence[str], ranks: int = 1) -> tuple[list[int | None], str, str]:
    """Run a command to its end, see `beginning`.

    Returns:
        The exit codes of the ranks, and what all print and print as errors.
    """
    with beginning(command, argv, ranks) as running:
        running.wait()
        return running.codes, running.stdout, running.stderr


def forked_script(argv: Sequence[str], ranks: int = 1) -> tuple[list[int | None], str, str]:
    """Run a Python file to its end, see `forked`."""
    return forked(partial(runpy.run_path, argv[0], run_name="__main__"), argv, ranks)


def _launched(rank: int, ranks: int, port: int) -> dict[str, str]:
    if ranks == 1:
        return {}
    own = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": ranks, "LOCAL_WORLD_SIZE": ranks}
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "tests"}
    return {name: str(value) for name, value in {**own, **shared}.items()}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _run(command: Callable[[], object], argv: list[str], folder: Path, rank: int, environment: dict[str, str]) -> None:
    for number, end in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / f"{rank}.{end}", os.O_WRONLY), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
    _let_loggers_print()
    warnings.simplefilter("default")  # which pytest has made errors
    os.environ.update(environment)
    rank_zero_only.rank = rank  # Lightning reads the environment when it is imported
    sys.argv = argv
    torch.set_num_threads(1)
    command()


def _let_loggers_print() -> None:
    """Lead to this process's own error output what pytest would have caught."""
    logging.getLogger().handlers.clear()
    for logger in logging.root.manager.loggerDict.values():
        for handler in getattr(logger, "handlers", []):
            if type(handler) is logging.StreamHandler:
                handler.setStream(sys.stderr)
