import pytest

from lit_invariance.cli.options import parse
from lit_invariance.cli.request import settle
from lit_invariance.errors import UserError


@pytest.mark.parametrize("dataset", ["python:strange.py:make", {"python:strange.py:make": {"option": 1}}])
def test_code_that_only_a_checkpoint_names_as_its_data_is_not_run(dataset, save_run):
    path = str(save_run("a", dataset=dataset))
    with pytest.raises(UserError, match="python:strange.py:make, which is run only if you name it with --data.dataset"):
        settle(parse(["--models", path]))
    named = settle(parse(["--models", path, "--data.dataset", "python:strange.py:make"]))
    assert named.settings.data.dataset == "python:strange.py:make"
