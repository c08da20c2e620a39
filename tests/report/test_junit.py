from xml.etree import ElementTree

from lit_invariance.report.bounds import Bound, judge
from lit_invariance.report.junit import save_junit

# Attributes as Jenkins's junit-10.xsd has them: those that must be there, and those that may.
SCHEMA = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": ({"name", "tests", "failures", "errors"}, {"time", "skipped", "timestamp", "hostname", "id"}),
    "testcase": ({"name"}, {"time", "classname", "group"}),
    "failure": (set(), {"type", "message"}),
    "system-out": (set(), set()),
}
INSIDE = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "system-out"},
    "failure": set(),
    "system-out": set(),
}


def check(element):
    needed, allowed = SCHEMA[element.tag]
    assert needed <= set(element.attrib) <= needed | allowed, element.tag
    assert {child.tag for child in element} <= INSIDE[element.tag]
    for child in element:
        check(child)


def test_it_is_what_ci_systems_read(results, tmp_path):
    results["models"][3]["name"] = odd = 'a <b> & "c"\x1b[2J'
    for row in results["rows"]:
        if row["model"].startswith("a_very"):
            row["model"] = odd
    bounds = [Bound("crop", "top1_change", 0.2, above=True), Bound("scale_black", "accuracy", 0.75, above=False)]
    verdicts = judge(results, bounds, strict=False)
    root = ElementTree.parse(save_junit(verdicts, tmp_path)).getroot()
    check(root)
    cases = root.findall("testsuite/testcase")
    assert root.get("tests") == root.find("testsuite").get("tests") == str(len(cases)) == "8"
    assert root.get("failures") == root.find("testsuite").get("failures") == "3"
    # GitLab keeps one test of equal class and name.
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == 8
    assert [case.get("classname") for case in cases if case.find("failure") is not None] == [
        "baseline",
        "aa_resnet50",
        'a <b> & "c"\\x1b[2J',
    ]
    failure = cases[0].find("failure")
    assert failure.get("message") == failure.text == verdicts[0].sentence
    assert (failure.get("type"), cases[0].get("name")) == ("above", "crop.top1_change <= 0.2")
    assert cases[4].get("name") == "scale_black.accuracy >= 0.75 (scale_black(min_side=80))"
