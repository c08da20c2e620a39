import os
import signal
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from lit_invariance.cli.signals import INSTALLED, Stopped, StopRequest, command_line, stop_requests, stops_at_once


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_request_and_the_code_is_the_shells(number):
    before = signal.getsignal(number)
    with stop_requests() as request:
        request.check()
        assert not request
        os.kill(os.getpid(), number)
        assert request
        with pytest.raises(Stopped) as left:
            request.check()
    assert left.value.code == 128 + number
    assert signal.getsignal(number) is before


def test_the_second_signal_ends_the_process_at_once():
    program = "import os, signal\nfrom lit_invariance.cli.signals import stop_requests\n"
    program += "with stop_requests():\n    os.kill(os.getpid(), 15)\n    print('first', flush=True)\n"
    program += "    os.kill(os.getpid(), 15)\n    print('second', flush=True)\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "first\n"
    assert done.returncode == -signal.SIGTERM  # what a shell calls 143


def test_elsewhere_than_in_the_main_thread_nothing_is_handled():
    seen = []

    def work():
        with stop_requests() as request:
            seen.append((signal.getsignal(signal.SIGTERM), bool(request)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, False)]


def test_a_forked_process_notes_nothing():
    request = StopRequest()
    request._process = 0
    request.remember(signal.SIGTERM)
    assert not request


def test_the_command_can_be_given_again():
    given = ["--config", "a b.yaml", "--ckpt_path", "x", "--overwrite=true", "--model.lr", "1"]
    written = command_line("train.py", given, without=["--ckpt_path", "--overwrite"])
    assert written == "python train.py --config 'a b.yaml' --model.lr 1"
    assert command_line("evaluate.py", []) == "python evaluate.py"


@pytest.mark.parametrize(
    ("started", "written"),
    [
        ("train.py", "python train.py"),
        ("/a b/train.py", "python '/a b/train.py'"),
        ("/env/bin/lit-invariance-train", "lit-invariance-train"),
        ("/env/bin/pytest", "python train.py"),
    ],
)
def test_the_command_is_given_again_in_the_way_it_was_started(started, written, monkeypatch):
    monkeypatch.setattr("sys.argv", [started])
    assert command_line("train.py", ["--config", "x"]) == f"{written} --config x"
    scripts = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["scripts"]
    assert set(INSTALLED.values()) == scripts.keys()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_block_may_be_left_at_once(number):
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as left, stops_at_once():
        signal.raise_signal(number)
    assert left.value.code == 128 + number
    assert signal.getsignal(number) is before
