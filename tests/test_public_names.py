"""`import lit_invariance as li`: what it offers, and that nothing heavy is imported before it is used."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lit_invariance as li
from lit_invariance.__main__ import main
from lit_invariance.version import version

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "torchvision", "timm", "pytorch_lightning", "albumentations", "matplotlib", "scipy", "numpy", "cv2")


def loaded_after(code):
    """Names of the modules that a new process has imported after some code."""
    told = "\nimport sys\nprint('\\n'.join(['', 'MODULES', *sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code + told], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.rpartition("MODULES\n")[2].split())


@pytest.mark.parametrize("name", li.__all__)
def test_every_name_is_importable_and_documented(name):
    value = getattr(li, name)
    if callable(value):
        assert inspect.getdoc(value)
        assert value.__module__.startswith("lit_invariance.")


def test_the_table_of_the_docs_names_them_all():
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    names = re.findall(r"`li\.(\w+)[`(]", "".join(line for line in page.splitlines() if line.startswith("| `li.")))
    assert sorted(names) == sorted(li.__all__)


def test_names_are_seen_by_completion_and_type_checkers():
    assert set(li.__all__) <= set(dir(li))
    source = (ROOT / "lit_invariance" / "__init__.py").read_text(encoding="utf-8")
    seen = source.partition("if TYPE_CHECKING:")[2].partition("\n\n_HOMES")[0]
    assert all(re.search(rf"\b{name}\b", seen) for name in li.__all__)
    assert set(li._HOMES) | {"__version__"} == set(li.__all__)
    assert (ROOT / "lit_invariance" / "py.typed").is_file()


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="module 'lit_invariance' has no attribute 'evaluat'"):
        li.evaluat  # noqa: B018


def test_importing_the_package_imports_nothing_heavy():
    assert not loaded_after("import lit_invariance; lit_invariance.__version__") & set(HEAVY)


def test_version(capsys):
    stated = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert li.__version__ == version() == stated
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"lit_invariance {stated}\n"
    main([])
    assert "lit-invariance-evaluate" in capsys.readouterr().out
