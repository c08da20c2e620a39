"""Evaluations that are killed at random moments and taken up again."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from lit_invariance.cli.evaluate import evaluate
from lit_invariance.experiments.reliability.damaged_records import MODELS, quiet
from lit_invariance.experiments.reliability.mutations import Tally
from lit_invariance.results.outcomes import load_outcomes
from lit_invariance.results.reading import OUTCOMES, read_folder

COMMAND = "from lit_invariance.cli.entry import evaluate_command; evaluate_command()"
DATA = ["--data.dataset", "shapes", "--data.image_size", "16", "--data.shapes", "{val_images: 200, train_images: 8}"]
CHOSEN = [*MODELS, *DATA, "--data.batch_size", "2", "--accelerator", "cpu", "--cost", "false", "--progress", "false"]
CHOSEN += ["--protocols", "crop", "scale_black"]
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
LONGEST = 300.0  # seconds until a process that does nothing counts as hanging


def killed_evaluations(folder: Path, count: int = 40, seed: int = 0) -> Tally:
    """Kill evaluations at random moments; resume each and compare with an undisturbed one.

    Args:
        folder: An existing folder for the files.
        count: Number of evaluations.
        seed: Names the moments and signals.
    """
    tally, random = Tally(), np.random.default_rng(seed)
    undisturbed, one = folder / "undisturbed", time.monotonic()
    with quiet():
        evaluate([*CHOSEN, "--output", str(undisturbed)])
    length = time.monotonic() - one
    for number in range(count):
        output = folder / f"{number}"
        sent = SIGNALS[number % len(SIGNALS)]
        code = _kill(output, sent, float(random.uniform(0, length)))
        # When all is written the signal ends the process itself, which a shell reports as the same code.
        fault = "" if code in (0, -sent, 128 + sent) else f"exit code {code} after {sent.name}"
        fault = fault or _resumed(output, undisturbed)
        tally.outcomes["failed" if fault else "resumed, results equal"] += 1
        tally.failures += [f"{number}: {fault}"] * bool(fault)
        shutil.rmtree(output, ignore_errors=True)
    return tally


def started(arguments: list[str]) -> "subprocess.Popen[bytes]":
    """Start the evaluation command as a process of its own.

    Args:
        arguments: The command's.
    """
    silent, environment = subprocess.DEVNULL, {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], env=environment, stdout=silent, stderr=silent)


def _kill(output: Path, sent: signal.Signals, after: float) -> int:
    """Start an evaluation and stop it some seconds after it has begun to measure; returns the exit code."""
    with started([*CHOSEN, "--output", str(output)]) as process:
        began = time.monotonic()
        while process.poll() is None and not any(output.glob("unfinished/*/*.npz")):
            if time.monotonic() - began > LONGEST:
                process.kill()
            time.sleep(0.01)
        time.sleep(after)
        process.send_signal(sent)
        return process.wait(LONGEST)


def _resumed(output: Path, undisturbed: Path) -> str:
    """Give the command again and say what is not as it would be without the kill."""
    with quiet():
        evaluate([*CHOSEN, "--output", str(output)])
    read_folder(output)
    ours, theirs = (load_outcomes(path / OUTCOMES) for path in (output, undisturbed))
    if not np.array_equal(ours.matrix(), theirs.matrix(), equal_nan=True):
        return "other scores"
    names, expected = (sorted(path.name for path in place.rglob("*")) for place in (output, undisturbed))
    return "" if names == expected else f"other files: {sorted(set(names) ^ set(expected))}"
