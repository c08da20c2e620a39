import logging
import subprocess
import sys

from lightning_fabric.strategies.launchers.subprocess_script import _ChildProcessObserver

from lit_invariance.cli.dead_process import WATCHER, dead_processes_told


def test_lightning_s_watcher_says_it_in_one_sentence(monkeypatch, caplog):
    """A child that dies, and the real watcher; only its own end is held back."""
    monkeypatch.setattr(_ChildProcessObserver, "_terminate_all", lambda self: None)
    monkeypatch.setattr(logging.getLogger("lightning_fabric"), "level", logging.WARNING)
    dead = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    dead.wait()
    with dead_processes_told("the same command goes on"):
        assert _ChildProcessObserver(0, [dead])._run()
        assert logging.getLogger(WATCHER).filters
    assert not logging.getLogger(WATCHER).filters
    (record,) = caplog.records
    assert record.getMessage() == (
        f"error: process {dead.pid} of this command died (code 3), and the others are ended with it; "
        "the same command goes on."
    )
