"""Imports go one way: a package imports only packages below it in the table of CONTRIBUTING.md."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "lit_invariance"


def table() -> list[str]:
    """The packages and modules of the table, from the top."""
    return re.findall(r"^\| `(\w+)(?:/|\.py)` \|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)


def imported(source: str) -> Iterator[str]:
    """The parts of the project that a module imports, wherever the statement stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "lit_invariance":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lit_invariance."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("lit_invariance."))


def upward(part: str, source: str, order: list[str]) -> list[str]:
    """The imports of a module of `part` that do not go down."""
    return [other for other in imported(source) if other != part and order.index(other) <= order.index(part)]


def test_the_table_names_every_package_and_module_once():
    found = [path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]
    assert sorted(table()) == sorted(name for name in found if not name.startswith("__"))


def test_imports_run_down_the_table():
    order = table()
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if not part.startswith("__"):
            wrong += [f"{path.relative_to(ROOT)} -> {other}" for other in upward(part, path.read_text(), order)]
    assert wrong == []


def test_an_import_that_runs_up_is_found():
    order = ["report", "evaluation", "errors"]
    assert upward("report", "from lit_invariance.evaluation.cost import x", order) == []
    assert upward("evaluation", "def f():\n    import lit_invariance.report.page", order) == ["report"]
    assert upward("errors", "from lit_invariance import evaluation, errors", order) == ["evaluation"]
