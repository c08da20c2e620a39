import os

import pytest

from lit_invariance.names import file_stems, printable, shortened

ODD = os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize(
    "name", ["plain", "café", "漢字", "Ba$$in", "<b>", ODD, "a\nb", "\x1b[31m", "\u202e", "\ud800"]
)
def test_printable_is_one_line_of_unicode(name):
    shown = printable(name)
    assert shown.isprintable()
    shown.encode()
    assert (shown == name) == name.isprintable()


def test_names_of_files_and_nothing_else():
    names = [
        "a/b",
        "a b",
        "A_B",
        "a:b",
        ODD,
        "x" * 3000,
        "x" * 3001,
        "漢" * 300,
        "..",
        ".hidden",
        "",
        "a_b_2",
        "Ba$$in",
        "/etc/passwd",
    ]
    stems = file_stems(names)
    assert list(stems) == names
    assert len({stem.casefold() for stem in stems.values()}) == len(names)
    for stem in stems.values():
        assert 0 < len(os.fsencode(stem)) < 140
        assert os.path.basename(stem) == stem
        assert not stem.startswith(".")
    assert stems["a/b"] == "a_b"
    assert stems["a_b_2"] == "a_b_2_2"


def test_long_names_keep_both_ends():
    assert shortened("y" * 40) == "y" * 40
    long = shortened("begin" + "y" * 300 + "end", 20)
    assert len(long) == 20
    assert long.startswith("begin")
    assert long.endswith("end")
