from typing import Literal

import pytest
from pytorch_lightning.cli import LightningArgumentParser

from lit_invariance.errors import UserError
from lit_invariance.parser import OneSentenceErrors, one_sentence, run_command


class TrainingParser(OneSentenceErrors, LightningArgumentParser):
    pass


@pytest.fixture(params=[OneSentenceErrors, TrainingParser])
def parser(request):
    parser = request.param()
    parser.add_argument("--seed", type=int)
    parser.add_argument("--data.size", type=int | None)
    parser.add_argument("--kind", type=Literal["a", "b"])
    return parser


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "x"], "option --seed: Expected a int. Got value: x"),
        (["--data.size", "x"], "option --data.size: "),
        (["--kind", "c"], "option --kind: Expected a Literal['a', 'b']. Got value: c"),
        (["--sead", "3"], "unrecognized arguments: --sead 3; did you mean --seed"),
        (["--quite.other=3"], "unrecognized arguments: --quite.other=3; --help lists the options."),
        (["stray"], "unrecognized arguments: stray"),
    ],
)
def test_one_sentence_and_code_2(parser, capsys, arguments, message):
    with pytest.raises(SystemExit) as left:
        parser.parse_args(arguments)
    assert left.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {message}")
    assert printed.err.count("\n") == 1


def test_good_arguments_pass(parser):
    assert parser.parse_args(["--seed", "3", "--kind", "b"]).seed == 3


def test_lines_are_joined():
    assert one_sentence("Parser key \"a.b\":\n  - Expected a <class 'x.y.Z'>.\n  - Or typing.Any.\n") == (
        "option --a.b: Expected a Z. Or Any"
    )


def test_a_mistake_is_one_printable_sentence(capsys):
    def command():
        raise UserError("no model '\x1b[2J'\nand \x07; name another.")

    with pytest.raises(SystemExit) as left:
        run_command(command)
    assert left.value.code == 2
    assert capsys.readouterr().err == "error: no model '\\x1b[2J' and \\x07; name another.\n"


def test_an_option_of_several_types_says_which(capsys):
    several = OneSentenceErrors()
    several.add_argument("--images", type=int | None)
    with pytest.raises(SystemExit):
        several.parse_args(["--images", "x"])
    assert capsys.readouterr().err == "error: option --images: takes one of int, null, not x\n"
