"""Verdicts as JUnit XML, which CI systems show as tests."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from lit_invariance.files import replacing
from lit_invariance.names import printable
from lit_invariance.report.bounds import Verdict

NAME = "junit.xml"


def save_junit(verdicts: Sequence[Verdict], folder: Path) -> Path:
    """Write a test for each verdict: the model is its class, the bound its name.

    The elements and attributes are those of Jenkins's schema (junit-10.xsd of its xUnit plugin), which GitLab and
    GitHub's actions read as well. GitLab shows a failure's text and not its message, so that both say the same.

    Args:
        verdicts: Whether models keep bounds.
        folder: An existing folder.

    Returns:
        The file.

    Raises:
        UserError: If it cannot be written.
    """
    counts = {"tests": str(len(verdicts)), "failures": str(sum(one.broken for one in verdicts)), "errors": "0"}
    root = ElementTree.Element("testsuites", {"name": "lit_invariance", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": "bounds", **counts})
    for verdict in verdicts:
        name = f"{verdict.bound} ({verdict.protocol})" if verdict.protocol != verdict.bound.protocol else verdict.bound
        case = {"classname": printable(verdict.model), "name": printable(str(name))}
        test = ElementTree.SubElement(suite, "testcase", case)
        told = printable(verdict.sentence)
        if verdict.broken:
            failure = {"type": "above" if verdict.bound.above else "below", "message": told}
            ElementTree.SubElement(test, "failure", failure).text = told
        else:
            ElementTree.SubElement(test, "system-out").text = told
    ElementTree.indent(root)
    path = folder / NAME
    with replacing(path) as temporary:
        temporary.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
    return path
