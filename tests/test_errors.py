import pytest
from torch.utils.data import DataLoader, Dataset

from lit_invariance.errors import UserError, one_sentence_errors, said_by, sentence, unknown
from lit_invariance.registry import build, parse_spec


class Broken(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise UserError("a.jpg is broken; delete it.")


def test_a_worker_s_traceback_is_cut_off():
    with pytest.raises(UserError, match="Traceback") as told:
        list(DataLoader(Broken(), num_workers=1))
    assert sentence(told.value) == "a.jpg is broken; delete it."
    with pytest.raises(UserError, match="^a.jpg is broken; delete it.$"), one_sentence_errors():
        list(DataLoader(Broken(), num_workers=1))


def test_an_error_of_this_process_passes_as_it_is():
    error = UserError("a.jpg is broken; delete it.")
    with pytest.raises(ValueError, match="broken") as told, one_sentence_errors():
        raise error
    assert told.value is error


def test_what_a_factory_says_to_the_user_is_passed_on_unchanged():
    def make():
        raise UserError("download the file.")

    with pytest.raises(UserError, match="^download the file.$"):
        build("thing", {"a": make}, "a")


def test_the_first_line_of_what_a_library_says():
    assert said_by(ValueError("no such size.\nTraceback")) == "no such size"
    assert said_by(AssertionError()) == "AssertionError"
    assert said_by(ValueError("x" * 200)) == "x" * 160 + "..."


def test_unknown_names_the_nearest_or_all():
    assert str(unknown("protocol", "embed_blak", ["embed_black", "crop"])).endswith("did you mean embed_black?")
    assert str(unknown("data set", "cifar10", ["CIFAR10", "shapes"])).endswith("did you mean CIFAR10?")
    assert str(unknown("protocol", "xyz", ["embed_black", "crop"])).endswith("known are crop, embed_black.")


def test_specs():
    assert parse_spec("x", "crop") == ("crop", {})
    assert parse_spec("x", {"crop": {"area": 1}}) == ("crop", {"area": 1})
    assert parse_spec("x", {"crop": None}) == ("crop", {})


@pytest.mark.parametrize("spec", [3, {"a": 1}, {"a": {}, "b": {}}, ["a"], {1: {}}])
def test_other_forms_are_refused(spec):
    with pytest.raises(UserError, match="written as a name"):
        parse_spec("protocol", spec)


def test_build_passes_options_and_tells_what_a_factory_refuses():
    def make(size, side=1):
        if side > size:
            raise ValueError("side is too long.")
        return size, side

    assert build("thing", {"a": make}, {"a": {"side": 2}}, size=3) == (3, 2)
    with pytest.raises(UserError, match="thing a: side is too long"):
        build("thing", {"a": make}, {"a": {"side": 9}}, size=3)
    with pytest.raises(UserError, match="unknown option of thing a 'hue'; known are side"):
        build("thing", {"a": make}, {"a": {"hue": 9}}, size=3)
    with pytest.raises(UserError, match="thing a: an option has a value of the wrong type"):
        build("thing", {"a": make}, {"a": {"side": "wide"}}, size=3)
    with pytest.raises(UserError, match="unknown thing 'b'"):
        build("thing", {"a": make}, "b")


def test_a_name_that_is_null_is_unknown_as_well():
    assert str(unknown("data set", None, ["shapes"])) == "unknown data set 'None'; known are shapes."
