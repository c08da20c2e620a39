"""What the commands import before they answer, and that what they state without importing it is true."""

import inspect
import os
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from lit_invariance.cli.evaluate import evaluate
from lit_invariance.cli.options import DIAGNOSTICS, GROUPS, make_parser
from lit_invariance.cli.signatures import signature_of
from lit_invariance.cli.train import train
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.diagnostics.run import DIAGNOSTICS as INSTRUMENTS
from lit_invariance.evaluation import protocols
from lit_invariance.evaluation.geometry import KINDS, RECIPE
from lit_invariance.evaluation.precision import EXACT
from lit_invariance.version import version

ROOT = Path(__file__).resolve().parents[2]


def loaded_by(command, *arguments):
    """Names of the modules that a command has imported when it has answered, and what it printed."""
    code = (
        "import atexit, sys\n"
        f"sys.argv = [{command!r}, *{list(arguments)!r}]\n"
        "atexit.register(lambda: print('MODULES', *sys.modules))\n"
        f"from lit_invariance.cli.entry import {command}_command\n"
        f"{command}_command()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    printed, _, modules = done.stdout.rpartition("MODULES ")
    return set(modules.split()), printed + done.stderr


def test_the_help_of_the_evaluation_imports_no_network_library():
    modules, printed = loaded_by("evaluate", "--help")
    assert "--data.val_fraction" in printed
    assert not modules & {"torch", "torchvision", "timm", "pytorch_lightning", "albumentations", "matplotlib", "scipy"}


def test_a_mistake_in_the_command_line_is_told_as_soon():
    modules, printed = loaded_by("evaluate", "--modles", "x")
    assert "unrecognized arguments: --modles x; did you mean --models" in printed
    assert "torch" not in modules


def test_the_help_of_the_training_imports_what_lightning_imports():
    modules, printed = loaded_by("train", "--help")
    assert "--model.backbone" in printed
    assert not modules & {"timm", "albumentations", "torch.utils.tensorboard"}


@pytest.mark.parametrize(
    ("command", "told"),
    [("train", "stopped by SIGINT before the training began."), ("evaluate", "stopped by SIGINT; resume with: python")],
)
def test_a_signal_while_libraries_are_imported_waits_for_them(command, told, tmp_path):
    code = (
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(name, *_):\n"
        "        if name == 'torchmetrics':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt)\n"
        f"sys.argv = ['{command}.py']\n"
        f"from lit_invariance.cli.entry import {command}_command\n"
        f"{command}_command()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 130, done.stderr
    assert done.stderr.strip().startswith(told)
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_names_stated_in_the_help():
    assert tuple(protocols.GROUPS) == GROUPS
    assert set(DIAGNOSTICS) == set(INSTRUMENTS)
    defaults = make_parser().get_defaults()
    assert (defaults.preprocessing, defaults.precision) == (RECIPE, EXACT)
    (preprocessing,) = (action for action in make_parser()._actions if action.dest == "preprocessing")
    assert typing.get_args(preprocessing._typehint) == KINDS


def test_a_signature_read_from_the_source_is_that_of_the_class():
    read = signature_of(InvarianceData.__module__, "InvarianceData")
    assert inspect.signature(read) == inspect.signature(InvarianceData)
    assert inspect.getdoc(read) == inspect.getdoc(InvarianceData)


@pytest.mark.parametrize(("command", "program"), [(evaluate, "evaluate.py"), (train, "")])
def test_version(command, program, capsys):
    with pytest.raises(SystemExit) as left:
        command(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.strip().endswith(version())
