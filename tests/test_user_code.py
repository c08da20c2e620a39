import sys
from pathlib import Path

import pytest

from lit_invariance.errors import UserError
from lit_invariance.user_code import load_object


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
    assert load_object("python:of_this_test.nets:make")(size=4) == 4
    assert load_object("python:of_this_test.nets:Kind.make")(5) == 5


def test_an_installed_module():
    assert load_object("python:pathlib:Path") is Path


def test_a_file_and_what_lies_beside_it(in_folder):
    write("else/where/helper_of_mine.py", "VALUE = 7")
    path = write("else/where/made_here.py", "from helper_of_mine import VALUE\nclass Data:\n    value = VALUE")
    for text in (f"python:{path}:Data", f"python:{path.absolute()}:Data"):
        made = load_object(text)
        assert made.value == 7
    assert load_object(f"python:{path}:Data") is made  # executed once, so that its classes stay the same
    assert made.__module__ == "made_here"


def test_a_file_with_the_name_of_another_module(in_folder):
    """`json` stays Python's own, for everybody else."""
    path = write("json.py", "VALUE = 7")
    import json

    assert load_object(f"python:{path}:VALUE") == 7
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("python:mine", "'python:mine' does not name an object; write python:package.module:name or python:path"),
        ("python::name", "does not name an object"),
        ("python:mine:", "does not name an object"),
        ("mine:name", "does not name an object"),
        ("python:no_such_module:make", "there is no module no_such_module; start in the folder that holds it"),
        ("python:of_this_test.other:make", "there is no module of_this_test.other;"),
        ("python:no/such.py:make", "there is no file /.*/no/such.py; check the path after python:"),
        ("python:of_this_test/whole.py:absent", "of_this_test/whole.py has no 'absent'; it has VALUE, make."),
        ("python:of_this_test/whole.py:VALUE.x.y", "of_this_test/whole.py has no 'VALUE.x.y'"),
        (
            "python:of_this_test/broken.py:make",
            r"of_this_test/broken.py cannot be imported \(SyntaxError: .*\); fix it.",
        ),
        ("python:of_this_test.broken:make", r"of_this_test.broken cannot be imported \(SyntaxError: .*\); fix it."),
        (
            "python:of_this_test.failing:make",
            r"of_this_test.failing cannot be imported \(ZeroDivisionError: division by zero\)",
        ),
        (
            "python:of_this_test.lacking:make",
            r"of_this_test.lacking cannot be imported \(ModuleNotFoundError: No module named 'no_",
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
