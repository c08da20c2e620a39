import os

import pytest

from lit_invariance.errors import UserError
from lit_invariance.plain_yaml import MOST_BYTES, check_plain, read_small

# Whoever follows the aliases ends after years.
BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 40)]
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "what expands to more than 10000 values at line 5; use fewer aliases"),
        ("a: &a [*a]", "what contains itself"),
        ("a: &a {b: {c: *a}}", "what contains itself"),
        ("a: " + "[" * 40 + "]" * 40, "nested more than 30 deep"),
        ("a: " + "[" * 5000, "nested more than 30 deep"),
        ("a: !!python/object/apply:os.system [ls]", "a value of type tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: !!binary aGk=", "a value of type tag:yaml.org,2002:binary at line 1"),
        ("a: {1: b}", "a key that is not a plain word at line 1; quote it"),
        ("? [a]\n: b", "a key that is not a plain word"),
        ("a: {<<: {b: 1}}", "a key that is not a plain word"),
        ("x:\n  a: 1\n  b: 2\n  a: 3", "what has 'a' twice in the mapping at line 2"),
        ("a: " + "9" * 20_000, "a value of 20000 characters at line 1"),
        ("a: [", "what is not valid YAML: while parsing a flow node"),
        ("a: \x00", "what is not valid YAML"),
        ("- a", "what is not a mapping"),
        ("", "what is not a mapping"),
    ],
)
def test_refused_in_one_line(text, message):
    with pytest.raises(UserError, match=message) as told:
        check_plain(text, "what")
    assert "\n" not in str(told.value)


def test_what_configs_hold_passes():
    check_plain("a: &x {b: [1, 2.5e-3, true, null, ~, 2024-01-01, '3']}\nc: *x\nd: *x", "what")


def test_only_small_regular_text_is_read(tmp_path):
    path = tmp_path / "a.yaml"
    with pytest.raises(OSError, match="not a file smaller than 128 kB"):
        read_small(path)
    path.write_text("a: b")
    assert read_small(path) == "a: b"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OSError, match="not UTF-8 text"):
        read_small(path)
    path.write_text("#" * (MOST_BYTES + 1))
    with pytest.raises(OSError, match="not a file smaller than 128 kB"):
        read_small(path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.yaml")
        with pytest.raises(OSError, match="not a file smaller than 128 kB"):
            read_small(tmp_path / "pipe.yaml")
