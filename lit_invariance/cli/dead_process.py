"""The sentence with which a command on several devices ends because one of its processes has died.

The first process looks for dead ones every five seconds; it is Lightning that ends all others with SIGKILL.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

WATCHER = "lightning_fabric.strategies.launchers.subprocess_script"
FOUND = re.compile(r"Child process with PID (\d+) terminated with code (-?\d+)")


@contextmanager
def dead_processes_told(how_to_go_on: str) -> Iterator[None]:
    """Have the watcher say what has happened in words of this project, whatever else of Lightning is silent.

    Args:
        how_to_go_on: The end of the sentence, such as "the same command goes on".
    """
    logger, translate = logging.getLogger(WATCHER), partial(_in_one_sentence, how_to_go_on)
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addFilter(translate)
    try:
        yield
    finally:
        logger.removeFilter(translate)
        logger.setLevel(before)


def _in_one_sentence(how_to_go_on: str, record: logging.LogRecord) -> bool:
    found = FOUND.search(record.getMessage())
    if found:
        process, code = found.groups()
        record.args = ()
        record.msg = (
            f"error: process {process} of this command died (code {code}), and the others are ended with it; "
            f"{how_to_go_on}."
        )
    return True
