import logging
import subprocess
import sys

import pytest
from lightning_fabric.strategies.launchers.subprocess_script import _ChildProcessObserver

from lit_invariance.cli.dead_process import WATCHER, tell_of_dead_processes


@pytest.fixture
def watcher():
    logger = logging.getLogger(WATCHER)
    before, filters = logger.level, list(logger.filters)  # of commands that other tests ran in this process
    logger.filters.clear()
    yield logger
    logger.setLevel(before)
    logger.filters[:] = filters


def test_lightning_s_watcher_says_it_in_one_sentence(watcher, monkeypatch, caplog):
    """A child that dies, and the real watcher; only its own end is held back."""
    monkeypatch.setattr(_ChildProcessObserver, "_terminate_all", lambda self: None)
    monkeypatch.setattr(logging.getLogger("lightning_fabric"), "level", logging.WARNING)
    tell_of_dead_processes("the same command goes on")
    dead = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    dead.wait()
    assert _ChildProcessObserver(0, [dead])._run()
    (record,) = caplog.records
    assert record.getMessage() == (
        f"error: process {dead.pid} of this command died (code 3), and the others are ended with it; "
        "the same command goes on."
    )
