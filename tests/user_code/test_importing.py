import os
import sys
from pathlib import Path

import pytest

from lit_invariance.errors import UserError
from lit_invariance.user_code.importing import load_object


@pytest.fixture(autouse=True)
def modules_as_before(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(path: str, text: str) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return Path(path)


def test_a_module_of_the_working_directory(in_folder):
    write("of_this_test/nets.py", "def make(size=3):\n    return size\nclass Kind:\n    make = make")
    assert load_object("of_this_test.nets:make")[0](size=4) == 4
    assert load_object("of_this_test.nets:Kind.make")[0](5) == 5


def test_an_installed_module():
    assert load_object("pathlib:Path")[0] is Path


def test_a_file_and_what_lies_beside_it(in_folder):
    write("else/where/helper_of_mine.py", "VALUE = 7")
    path = write("else/where/made_here.py", "from helper_of_mine import VALUE\nclass Data:\n    value = VALUE")
    for text in (f"{path}:Data", f"{path.absolute()}:Data"):
        made = load_object(text)[0]
        assert made.value == 7
    assert load_object(f"{path}:Data")[0] is made  # executed once, so that its classes stay the same
    assert made.__module__ == "made_here"


def test_a_file_with_the_name_of_another_module(in_folder):
    """`json` stays Python's own, for everybody else."""
    path = write("json.py", "VALUE = 7")
    import json

    assert load_object(f"{path}:VALUE") == (7, path.absolute())
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mine", "'mine' does not name code; write python:package.module:name or python:path"),
        (":name", "does not name code"),
        ("mine:", "does not name code"),
        ("no_such_module:make", "there is no Python module 'no_such_module'; start in the folder that holds it"),
        ("of_this_test.other:make", "there is no Python module 'of_this_test.other';"),
        ("no/such.py:make", "there is no Python file 'no/such.py'; check the path after python:"),
        (f"{'a' * 300}.py:make", "there is no Python file 'aaa"),
        ("of_this_test/whole.py:absent", "unknown name in of_this_test/whole.py 'absent'; known are VALUE, make."),
        ("of_this_test/whole.py:VALUE.x.y", "unknown name in of_this_test/whole.py 'VALUE.x.y'"),
        (
            "of_this_test/broken.py:make",
            "'of_this_test/broken.py' cannot be imported in .*broken.py, line 1, with ",
        ),
        (
            "of_this_test.broken:make",
            "'of_this_test.broken' cannot be imported in .*broken.py, line 1, with ",
        ),
        ("of_this_test.failing:make", "failing.py, line 1, with ZeroDivisionError: division by zero; correct it."),
        (
            "of_this_test.lacking:make",
            "lacking.py, line 1, with ModuleNotFoundError: No module named 'no_such",
        ),
    ],
)
def test_what_cannot_be_loaded_is_told_in_one_sentence(in_folder, text, said):
    write("of_this_test/whole.py", "VALUE = 7\ndef make():\n    pass\n_hidden = 3")
    write("of_this_test/broken.py", "def make(:\n")
    write("of_this_test/failing.py", "1 / 0")
    write("of_this_test/lacking.py", "import no_such_library")
    with pytest.raises(UserError, match=said) as refused:
        load_object(text)
    assert "\n" not in str(refused.value)


def test_a_file_is_executed_again_after_it_has_changed(in_folder):
    path = write("changed_here.py", "VALUE = 7")
    before = load_object(f"{path}:VALUE")[0]
    path.write_text("VALUE = 8")
    os.utime(path, (1, 1))
    assert (before, load_object(f"{path}:VALUE")[0]) == (7, 8)
