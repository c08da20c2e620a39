"""Small damages to a file's bytes, as disks, networks and hostile hands leave them."""

import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import numpy as np

from lit_invariance.errors import UserError, sentence

MOST_DAMAGES = 4
LIMIT = 60.0  # seconds that a reader may take for a file of some kB; the machine may be busy with much else
EXTREMES = (b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\x00\x00\x00\x01")
NUMBER = re.compile(rb"\d+")
NO_NUMBERS = (b"NaN", b"inf", b"1e999", b"-5", b"0", b"null", b'"x"', b"", b"99999999999999999999", b"[" * 50_000)


@dataclass
class Tally:
    """What became of damaged files.

    Attributes:
        outcomes: `read`, `refused` (in one sentence), `failed`: how many of each.
        failures: What each failed one raised, or why its refusal is no sentence.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def mutate(data: bytes, random: np.random.Generator) -> bytes:
    """Damage a file in one to four places.

    Args:
        data: The file.
        random: Where the draws come from.

    Returns:
        Another content; of the same length or not.
    """
    for _ in range(int(random.integers(1, MOST_DAMAGES + 1))):
        damage = DAMAGES[int(random.integers(len(DAMAGES)))]
        data = damage(bytearray(data or b"\0"), random)
    return data


def survive(
    files: dict[str, bytes],
    read: Callable[[Path], object],
    folder: Path,
    count: int,
    seed: int,
    damage: Callable[[bytes, np.random.Generator], bytes] | None = None,
) -> Tally:
    """Give damaged copies of files to a reader and check that it reads or refuses each.

    Args:
        files: File name to whole content; the name's ending is kept.
        read: The reader, which is to raise nothing but `UserError` of one line.
        folder: An existing folder for the damaged files, each removed after its turn.
        count: Number of damaged files, the kinds in turn.
        seed: Names the damages.
        damage: What is done to a file; `mutate` where not given.
    """
    tally, names = Tally(), list(files)
    for number in range(count):
        name = names[number % len(names)]
        path = folder / f"{number}_{name}"
        path.write_bytes((damage or mutate)(files[name], np.random.default_rng([seed, number])))
        tally.outcomes[outcome_of(read, path, tally.failures)] += 1
        path.unlink()
    return tally


def outcome_of(read: Callable[[Path], object], path: Path, failures: list[str]) -> str:
    """Give a file to a reader, for a limited time.

    Args:
        read: The reader.
        path: The file.
        failures: Where it is noted what a failed one raised.

    Returns:
        `read`, `refused` or `failed`.
    """
    try:
        with time_limit():
            read(path)
    except NoEnd:
        failures.append(f"{path.name}: no end after {LIMIT:g} s")
    except UserError as error:
        if sentence(error):
            return "refused"
        failures.append(f"{path.name}: refused without a word")
    except Exception as error:  # any other error is what is looked for
        failures.append(f"{path.name}: {error!r}")
    else:
        return "read"
    return "failed"


class NoEnd(BaseException):
    """Something has taken longer than it may; no handler of errors is to hide it."""


@contextmanager
def time_limit(seconds: float = LIMIT) -> Iterator[None]:
    """Interrupt what takes longer; in the main thread, on systems that have alarms.

    Args:
        seconds: The limit.

    Raises:
        NoEnd: If it is reached.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise NoEnd

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _flip(data: bytearray, random: np.random.Generator) -> bytes:
    data[_place(data, random)] ^= 1 << int(random.integers(8))
    return bytes(data)


def _replace(data: bytearray, random: np.random.Generator) -> bytes:
    data[_place(data, random)] = int(random.integers(256))
    return bytes(data)


def _extreme(data: bytearray, random: np.random.Generator) -> bytes:
    place, value = _place(data, random), EXTREMES[int(random.integers(len(EXTREMES)))]
    value = value if random.random() < 0.5 else value[::-1]
    data[place : place + len(value)] = value
    return bytes(data)


def _cut(data: bytearray, random: np.random.Generator) -> bytes:
    return bytes(data[: _place(data, random)])


def _remove(data: bytearray, random: np.random.Generator) -> bytes:
    place = _place(data, random)
    del data[place : place + int(random.integers(1, 64))]
    return bytes(data)


def _repeat(data: bytearray, random: np.random.Generator) -> bytes:
    place = _place(data, random)
    data[place:place] = data[place : place + int(random.integers(1, 64))]
    return bytes(data)


def _other_number(data: bytearray, random: np.random.Generator) -> bytes:
    """Put what is no number, or an unlikely one, in place of a number of a text."""
    numbers = list(NUMBER.finditer(data))
    if not numbers:
        return _flip(data, random)
    found = numbers[int(random.integers(len(numbers)))]
    return bytes(data[: found.start()] + NO_NUMBERS[int(random.integers(len(NO_NUMBERS)))] + data[found.end() :])


def _place(data: bytearray, random: np.random.Generator) -> int:
    """Any place; in half of the cases one of the first hundred, where the head is."""
    return int(random.integers(min(len(data), 100) if random.random() < 0.5 else len(data)))


DAMAGES = (_flip, _replace, _extreme, _cut, _remove, _repeat, _other_number, _other_number)
