"""Importing the library changes nothing of the process: that belongs to the commands, or to a context around a call."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lit_invariance.environment import environment

ROOT = Path(__file__).resolve().parents[1]
CODE = """
import json, logging, os, pkgutil, signal, sys, warnings
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # the test's own import of it asks nobody either
import albumentations, cv2, huggingface_hub, matplotlib, pytorch_lightning, scipy.stats, timm, torch, torchvision
import torch.utils.tensorboard
import lit_invariance

def state():
    loggers = {name: logging.getLogger(name).level for name in (None, *logging.root.manager.loggerDict)}
    return {
        "environment": dict(os.environ),
        "warnings": [str(entry) for entry in warnings.filters],
        "loggers": {name: level for name, level in loggers.items() if level},
        "filters": {name: len(logging.getLogger(name).filters) for name in loggers},
        "threads": [cv2.getNumThreads(), torch.get_num_threads()],
        "random": torch.get_rng_state().tolist(),
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)],
        "style": str(matplotlib.rcParams),
        "tf32": [torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32],
    }

before = state()
modules = [module.name for module in pkgutil.walk_packages(lit_invariance.__path__, "lit_invariance.")]
modules = [name for name in modules if not name.startswith(("lit_invariance.cli", "lit_invariance.__main__"))]
for name in modules:
    __import__(name)
for name in lit_invariance.__all__:
    getattr(lit_invariance, name)
after = state()
for loaded in ("loggers", "filters"):  # new loggers of libraries that were not yet imported
    after[loaded] = {name: value for name, value in after[loaded].items() if name in before[loaded]}
print(len(modules), [part for part in before if before[part] != after[part]])
"""


def test_importing_every_module_changes_nothing_of_the_process():
    done = subprocess.run([sys.executable, "-W", "default", "-c", CODE], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    count, changed = done.stdout.splitlines()[-1].split(" ", 1)
    assert int(count) > 150
    assert changed == "[]"


@pytest.mark.parametrize("earlier", [None, "theirs"])
def test_a_variable_is_what_it_was_after_the_block(earlier, monkeypatch):
    monkeypatch.delenv("LIT_TEST", raising=False)
    if earlier is not None:
        monkeypatch.setenv("LIT_TEST", earlier)
    seen = []

    def fail():
        with environment("LIT_TEST", "ours"):
            seen.append(os.environ["LIT_TEST"])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == ["ours"]
    assert os.environ.get("LIT_TEST") == earlier
