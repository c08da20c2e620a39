"""Errors of the command line in one sentence, for both commands."""

import difflib
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from lit_invariance.errors import UserError, sentence
from lit_invariance.names import printable

UNKNOWN_OPTION = re.compile(r"unrecognized arguments: (--[^\s=]+)", re.IGNORECASE)
# jsonargparse speaks of parser keys and Python types; a user has typed an option and a value.
WORDING = (
    (re.compile(r'Parser key "([^"]+)":'), r"option --\1:"),
    (re.compile(r"<class '(?:\w+\.)*(\w+)'>"), r"\1"),
    (re.compile(r"\btyping\."), ""),
    (
        re.compile(
            r"Does not validate against any of the Union subtypes Subtypes: \[(.+?)\] Errors:(?: Expected an? \S+)+ "
            r"Given value type: \w+ Given value: "
        ),
        r"takes one of \1, not ",
    ),
    (re.compile(r"\bNoneType\b"), "null"),
)


class OneSentenceErrors(ArgumentParser):
    """A jsonargparse parser that answers a bad argument with one sentence and exit code 2.

    A base class for a command's parser, beside or instead of `ArgumentParser`:
    `class TrainingParser(OneSentenceErrors, LightningArgumentParser)`.
    """

    def parse_args(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the command line; what the library does not foresee in it is a mistake of the user's as well.

        Args:
            *args: As `ArgumentParser.parse_args` takes them.
            **kwargs: Likewise.

        Raises:
            UserError: If a config file is refused.
            SystemExit: With code 2 after a bad argument, 0 after `--help`.
        """
        try:
            return super().parse_args(*args, **kwargs)
        except UserError:
            raise
        except Exception as error:
            self.error(str(error) or type(error).__name__, error)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the sentence and leave.

        Args:
            message: What jsonargparse says, over several lines.
            ex: What made it say so.

        Raises:
            SystemExit: Always, with code 2.
        """
        sys.stderr.write(f"error: {one_sentence(message)}{self._nearest(message)}\n")
        sys.exit(2)

    def _nearest(self, message: str) -> str:
        """Name the options that look like an unknown one."""
        found = UNKNOWN_OPTION.search(message)
        if not found:
            return ""
        known = [option for action in self._actions for option in action.option_strings]
        near = difflib.get_close_matches(found[1], known, n=3, cutoff=0.5)
        return f"; did you mean {' or '.join(near)}?" if near else "; --help lists the options."


def one_sentence(message: str) -> str:
    """Join the lines of a message, the bullets of a nested one included, and say it in the user's words.

    Args:
        message: Any text.

    Returns:
        The text in one line, without a full stop at the end.
    """
    lines = (line.strip().removeprefix("- ") for line in message.splitlines())
    sentence = " ".join(line for line in lines if line).rstrip(".")
    for pattern, words in WORDING:
        sentence = pattern.sub(words, sentence)
    return sentence


def run_command(command: Callable[[], Any]) -> None:
    """Run a command; a user's mistake is reported in one sentence, with exit code 2.

    Args:
        command: What raises `UserError` if the user must fix something.
    """
    try:
        command()
    except UserError as error:
        # It may quote a name out of a file from elsewhere, and a terminal obeys what some letters say.
        sys.stderr.write(f"error: {printable(sentence(error))}\n")
        sys.exit(2)
