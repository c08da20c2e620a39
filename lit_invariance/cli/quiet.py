"""Messages of Lightning that no user of the training command can act on."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

DEPRECATIONS = "JSONARGPARSE_DEPRECATION_WARNINGS"
USELESS = (
    ".*LeafSpec.* is deprecated",  # Lightning 2.6 on torch 2.15
    ".*Checkpoint directory .* exists and is not empty",  # it holds config.yaml
    ".*args parameter is intended to run from within Python",
    ".*does not have many workers.*",  # by choice: nothing is decoded
    r".*\.fit\(ckpt_path=(None|\"last\")\)",  # OnExceptionCheckpoint looks for a file that a fresh start has ruled out
)

UNASKED = ("litlogger", "`Trainer.fit` stopped", "to estimate number of stepping batches")


@contextmanager
def without_advertisements() -> Iterator[None]:
    """Suppress Lightning's messages that a user of this command cannot act on."""
    logger = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    before = os.environ.get(DEPRECATIONS)
    os.environ.setdefault(DEPRECATIONS, "off")  # Lightning's calls, not ours or the user's
    logger.addFilter(_no_advertisement)
    try:
        with warnings.catch_warnings():
            for useless in USELESS:
                warnings.filterwarnings("ignore", useless)
            yield
    finally:
        logger.removeFilter(_no_advertisement)
        if before is None:
            os.environ.pop(DEPRECATIONS, None)


def _no_advertisement(record: logging.LogRecord) -> bool:
    return not any(words in record.getMessage() for words in UNASKED)
