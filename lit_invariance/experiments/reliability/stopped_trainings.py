"""Trainings that are killed at random moments and resumed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lit_invariance.cli.run_folder import CHECKPOINTS
from lit_invariance.experiments.reliability.mutations import Tally
from lit_invariance.training.checkpoint_files import BEST, LAST

COMMAND = "from lit_invariance.cli.entry import train_command; train_command()"
CHOSEN = ["--config", "shapes", "--name", "run", "--ckpt_path", "auto", "--trainer.accelerator", "cpu"]
CHOSEN += ["--data.shapes", "{train_images: 80, val_images: 40}", "--data.image_size", "16", "--data.batch_size", "8"]
CHOSEN += ["--data.translation", "{kind: any_of, of: [{kind: pad}, {kind: affine}]}", "--data.flip", "true"]
CHOSEN += ["--model.mitigations", "[{consistency: {shift: 2}}]", "--model.invariance_images", "20"]
CHOSEN += ["--trainer.max_epochs", "6", "--trainer.callbacks+=EMAWeightAveraging"]
CHOSEN += ["--trainer.enable_progress_bar", "false", "--trainer.log_every_n_steps", "1"]
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
TRAINED = ("state_dict", "current_model_state", "averaging_state", "optimizer_states", "lr_schedulers", "global_step")
LONGEST = 300.0  # seconds until a process that does nothing counts as hanging


def killed_trainings(folder: Path, count: int = 20, seed: int = 0) -> Tally:
    """Kill trainings at random moments; give each command again and compare with an undisturbed one, bit by bit.

    The training augments, averages its weights and draws in its loss, every second one with a worker.

    Args:
        folder: An existing folder for the files.
        count: Number of trainings.
        seed: Names the moments and signals.
    """
    tally, random = Tally(), np.random.default_rng(seed)
    undisturbed = folder / "undisturbed"
    length = _undisturbed(undisturbed)
    for number in range(count):
        place, workers = folder / f"{number}", ["--data.num_workers", str(number % 2)]
        sent = SIGNALS[number % len(SIGNALS)]
        code = _kill(place, workers, sent, float(random.uniform(0, length)))
        # Before and after the training the signal ends the process itself, which a shell reports as the same code.
        fault = "" if code in (0, -sent, 128 + sent) else f"exit code {code} after {sent.name}"
        fault = fault or _resumed(place, workers, undisturbed)
        tally.outcomes["failed" if fault else "resumed, bitwise equal"] += 1
        tally.failures += [f"{number}: {fault}"] * bool(fault)
        shutil.rmtree(place, ignore_errors=True)
    return tally


def _start(place: Path, options: list[str]) -> "subprocess.Popen[str]":
    place.mkdir(exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (place / "told.txt").open("a") as told:  # the process has its own descriptor
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, *CHOSEN, *options],
            cwd=place,
            env=environment,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=told,
        )


def _undisturbed(place: Path) -> float:
    """Train to the end; returns the seconds from the first sign of training to the end."""
    with _start(place, ["--data.num_workers", "0"]) as process:
        began = _wait_for_curves(place, process)
        if process.wait(LONGEST):
            raise RuntimeError((place / "told.txt").read_text())
    return time.monotonic() - began


def _wait_for_curves(place: Path, process: "subprocess.Popen[str]") -> float:
    began = time.monotonic()
    while process.poll() is None and not any(place.glob("runs/*/events*")):
        if time.monotonic() - began > LONGEST:
            process.kill()
        time.sleep(0.01)
    return time.monotonic()


def _kill(place: Path, options: list[str], sent: signal.Signals, after: float) -> int:
    with _start(place, options) as process:
        _wait_for_curves(place, process)
        time.sleep(after)
        process.send_signal(sent)
        return process.wait(LONGEST)


def _resumed(place: Path, options: list[str], undisturbed: Path) -> str:
    """Give the command again, and say what is not as it would be without the kill."""
    with _start(place, options) as process:
        if process.wait(LONGEST):
            return f"not resumed: {(place / 'told.txt').read_text()[-200:]}"
    run = CHECKPOINTS / "run"
    names = {path.name for path in (place / run).iterdir()}
    if names != {BEST, LAST, "config.yaml"}:
        return f"other files: {sorted(names)}"
    for name in (BEST, LAST):
        ours, theirs = (torch.load(root / run / name, weights_only=True) for root in (place, undisturbed))
        for part in TRAINED:
            if not same(ours[part], theirs[part]):
                return f"{part} of {name} differs"
    return ""


def same(one: Any, other: Any) -> bool:
    """Tell whether two parts of checkpoints are equal, tensors bit by bit.

    Args:
        one: A tensor, a plain value, or a dictionary or list of such.
        other: What it is compared with.
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
