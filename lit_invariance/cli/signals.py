"""Stopping on SIGTERM or Ctrl-C at a point where nothing is lost, with the exit code that shells expect."""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM)
INSTALLED = {"train.py": "lit-invariance-train", "evaluate.py": "lit-invariance-evaluate"}
"""What pyproject.toml calls the commands where the package is installed."""


class Stopped(SystemExit):
    """Leave because a signal asked for it, with exit code 128 + its number.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


class StopRequest:
    """Remembers that a signal asked the process to stop.

    Attributes:
        number: The signal; None while none came.
        heard: Whether signals reach it: Python allows handlers in the main thread only.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.heard = False
        self._process = os.getpid()

    def __bool__(self) -> bool:
        """Return whether a signal came."""
        return self.number is not None

    def listen(self, *numbers: int) -> None:
        """Replace the current handlers of the signals.

        Args:
            numbers: The signals; SIGINT and SIGTERM where none is named.
        """
        self.heard = True
        for number in numbers or STOPPING:
            signal.signal(number, self.remember)

    def remember(self, number: int, frame: FrameType | None = None) -> None:
        """Note the first signal; the second one ends the process at once, for people who do not want to wait."""
        if os.getpid() != self._process:  # a forked worker, which its parent ends
            return
        if self.number is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.number = number

    def check(self) -> None:
        """Leave if a signal came.

        Raises:
            Stopped: If one did.
        """
        if self.number is not None:
            raise Stopped(self.number)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Turn SIGINT and SIGTERM into a request that the block looks at where it can stop.

    Yields:
        The request. Outside the main thread, where Python allows no handlers, it never comes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in STOPPING}
    request.listen()
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextmanager
def stops_at_once() -> Iterator[None]:
    """Leave the block at the first SIGINT or SIGTERM, wherever it is, where all that is written is whole at any time.

    Outside the main thread, where Python allows no handlers, nothing changes.

    Raises:
        Stopped: If a signal came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    process = os.getpid()

    def stop(number: int, frame: FrameType | None = None) -> None:
        if os.getpid() == process:  # a forked worker is ended by its parent
            signal.signal(number, signal.SIG_DFL)  # the second one ends the process without a word
            raise Stopped(number)

    before: dict[int, Any] = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def command_line(program: str, arguments: Sequence[str] | None = None, without: Sequence[str] = ()) -> str:
    """Return the command that was given, so that a user can repeat it.

    Args:
        program: `train.py` or `evaluate.py`, which stands where the process was started in neither way.
        arguments: The arguments; None takes the process's own.
        without: Options to leave out with their values, such as `--ckpt_path`.

    Returns:
        The command, quoted for a shell.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    kept: list[str] = []
    skip = False
    for argument in given:
        if skip:
            skip = False
        elif argument in without:
            skip = True
        elif argument.partition("=")[0] not in without:
            kept.append(argument)
    return shlex.join([*_started_as(program), *kept])


def _started_as(program: str) -> list[str]:
    name = Path(sys.argv[0]).name
    if name == INSTALLED[program]:
        return [name]
    return ["python", sys.argv[0] if name == program else program]
