import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]


def pins(name):
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines if line)}


def requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    return [Requirement(line) for line in [*project["dependencies"], *optional["antialiased"], *optional["dev"]]]


def test_every_bound_is_tested_and_gives_its_reason():
    """What the tests themselves run on has its oldest version; what only checks, builds or starts them needs none."""
    tools = {"ruff", "mypy", "types-pyyaml", "build", "pre-commit", "pytest-xdist"}
    oldest = pins("constraints-minimum.txt")
    for requirement in requirements():
        if requirement.name.lower() in tools:
            continue
        lowest = [bound.version for bound in requirement.specifier if bound.operator in (">=", "==")]
        tested = oldest[canonicalize_name(requirement.name)]
        assert [Version(version) for version in lowest] == [Version(tested)], requirement
    text = (ROOT / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    assert all("# " in line for line in listed.group(1).splitlines())


def test_the_newest_tested_versions_are_admitted():
    newest = pins("constraints.txt")
    for requirement in requirements():
        version = newest.get(canonicalize_name(requirement.name))
        assert version is None or requirement.specifier.contains(version), requirement
