import sys

import pytest

from lit_invariance.errors import UserError
from lit_invariance.extras import optional


def test_what_is_there_is_imported():
    assert optional("json.decoder", "export", "a test") is sys.modules["json.decoder"]


def test_what_is_missing_is_one_sentence_with_its_extra():
    sentence = "an .xyz file needs no_such_library, which is not installed; pip install 'lit-invariance\\[export\\]'"
    with pytest.raises(UserError, match=sentence):
        optional("no_such_library.part", "export", "an .xyz file")


def test_what_a_library_itself_lacks_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        optional("half_installed", "export", "an .xyz file")
