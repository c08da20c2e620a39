"""The arguments of a class, read from its source: what defines it may take seconds to import."""

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def signature_of(module: str, name: str) -> type:
    """Make a class with the arguments and the documentation of another one, whose module is not imported.

    Args:
        module: Name of the module.
        name: The class in it; its arguments have plain types and defaults.

    Returns:
        A class whose instances are of no use; it serves to make a parser.
    """
    spec = find_spec(module)
    assert spec is not None
    tree = ast.parse(Path(str(spec.origin)).read_text(encoding="utf-8"))
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    documentation, *methods = found.body
    (begin,) = (node for node in methods if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    begin.body = [ast.Pass()]
    # Of another name, because jsonargparse would import what the package offers by this one.
    found.name, found.bases, found.body = f"{name}Arguments", [], [documentation, begin]
    names: dict[str, Any] = {"Any": Any, "__name__": __name__}
    exec(compile(ast.fix_missing_locations(ast.Module([found], type_ignores=[])), module, "exec"), names)
    made: type = names[found.name]
    return made
