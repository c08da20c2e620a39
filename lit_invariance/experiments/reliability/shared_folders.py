"""Results folders that are full, belong to somebody else, or are written to by another process."""

import os
import shutil
import time
from pathlib import Path

import numpy as np

from lit_invariance.cli.evaluate import evaluate
from lit_invariance.errors import UserError
from lit_invariance.experiments.reliability.damaged_records import quiet
from lit_invariance.experiments.reliability.mutations import Tally
from lit_invariance.experiments.reliability.stopped_evaluations import CHOSEN, started
from lit_invariance.results.reading import RESULTS, read_folder


def foreign_folders(folder: Path, count: int = 100, seed: int = 0) -> Tally:
    """Evaluate into folders that hold files of somebody else, under our names and others.

    Args:
        folder: An existing folder for the files.
        count: Number of folders.
        seed: Names the files.
    """
    tally, random = Tally(), np.random.default_rng(seed)
    ours = ("results.json", "outcomes.npz", "report.html", "pictures/a.webp", "scores_crop.png", "video_a.csv")
    others = ("notes.txt", "pictures/a.jpg", "unfinished/thesis.txt", "unfinished/a.npz", ".lit_invariance-x.txt")
    for number in range(count):
        output = folder / f"{number}"
        name = (ours if number % 10 else others)[int(random.integers(5))]
        (output / name).parent.mkdir(parents=True)
        (output / name).write_text("mine")
        try:
            with quiet():
                evaluate([*CHOSEN, "--protocols", "crop", "--data.max_images", "4", "--output", str(output)])
            outcome = "evaluated, the foreign file stayed"
        except UserError:
            outcome = "refused"
        kept = (output / name).read_text() == "mine" and (outcome == "refused") == (name in ours)
        tally.outcomes[outcome if kept else "failed"] += 1
        tally.failures += [f"{name}: {outcome}"] * (not kept)
        shutil.rmtree(output)
    return tally


def full_disks(folder: Path, count: int = 30, seed: int = 0) -> Tally:
    """Simulate a full disk from a random write on, then run the command again.

    Args:
        folder: An existing folder for the files.
        count: Number of evaluations.
        seed: Names the moments.
    """
    tally, random = Tally(), np.random.default_rng(seed)
    for number in range(count):
        output = folder / f"{number}"
        chosen = [*CHOSEN, "--protocols", "crop", "--data.max_images", "20", "--output", str(output)]
        fault = _full(chosen, int(random.integers(1, 60)), output)
        with quiet():
            evaluate(chosen)
        read_folder(output)
        tally.outcomes["failed" if fault else "reported in a sentence, and the command completed"] += 1
        tally.failures += [f"{number}: {fault}"] * bool(fault)
        shutil.rmtree(output)
    return tally


def _full(chosen: list[str], writes: int, output: Path) -> str:
    """Evaluate while the system refuses to write after so many files; say what is wrong with how it ends."""
    sync, done = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal done
        done += 1
        if done > writes:
            raise OSError(28, os.strerror(28))
        sync(descriptor)

    os.fsync = full  # type: ignore[assignment]  # of descriptors, as this project calls it
    try:
        with quiet():
            evaluate(chosen)
    except UserError as error:
        half = [path.name for path in output.rglob(".lit_invariance-*")]
        return "" if "free some space" in str(error) and not half else f"{error} {half}"
    finally:
        os.fsync = sync
    return "" if done <= writes else "it went on without a word"


def second_processes(folder: Path, count: int = 10, seed: int = 0) -> Tally:
    """Start a second evaluation into the folder of a running one.

    Args:
        folder: An existing folder for the files.
        count: Number of attempts.
        seed: Not used; nothing is drawn.
    """
    tally, output = Tally(), folder / "output"
    with started([*CHOSEN, "--data.shapes", "{val_images: 20000}", "--output", str(output)]) as process:
        while process.poll() is None and not any(output.glob("unfinished/*/*.npz")):
            time.sleep(0.01)
        for _ in range(count):
            try:
                with quiet():
                    evaluate([*CHOSEN, "--output", str(output)])
                told = "it was let in"
            except UserError as error:
                told = "" if f"process {process.pid} on" in str(error) else str(error)
            tally.outcomes["failed" if told else "refused, the owner named"] += 1
            tally.failures += [told] * bool(told)
        process.kill()
    with quiet():  # the lock went with the process
        evaluate([*CHOSEN, "--data.max_images", "4", "--output", str(output)])
    assert (output / RESULTS).is_file()
    return tally
