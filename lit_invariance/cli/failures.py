"""Errors that can end a training after it has begun, in one sentence."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning_fabric.utilities.exceptions import MisconfigurationException

from lit_invariance.errors import UserError
from lit_invariance.execution.memory import is_out_of_memory
from lit_invariance.execution.processes import is_dead_peer, is_dead_worker
from lit_invariance.files import cannot_write
from lit_invariance.parser import one_sentence

COMPILERS = ("torch._dynamo", "torch._inductor")
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def in_one_sentence(folder: Path) -> Iterator[None]:
    """Turn what the machine refuses into a user's mistake with its fix.

    Args:
        folder: Where the training writes, for errors that name no file.

    Raises:
        UserError: If the disk is full or a folder closed, another process of the training or one that loads pictures
            died, the memory did not suffice, or the Trainer's options do not fit the data.
    """
    try:
        yield
    except UserError:
        raise
    except (MisconfigurationException, ValueError) as error:
        if isinstance(error, ValueError) and "val_check_interval" not in str(error):  # Lightning's only such error
            raise
        raise UserError(
            f"the trainer options do not fit the data or each other: {one_sentence(str(error))}."
        ) from error
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise cannot_write(Path(error.filename or folder), error) from error
    except (RuntimeError, MemoryError) as error:
        if is_dead_worker(error):
            raise UserError(
                "a process that loads pictures was killed, probably because memory ran out; use fewer processes "
                "(--data.num_workers 1) or smaller batches (--data.batch_size)."
            ) from error
        if is_dead_peer(error):
            raise UserError(
                "another process of this training has ended, and without it the training cannot go on; look for its "
                "message above, or in the log of its node, and resume."
            ) from error
        if type(error).__module__.startswith(COMPILERS):
            raise UserError(
                f"the network cannot be compiled ({one_sentence(str(error))}); leave --model.compile out."
            ) from error
        if is_out_of_memory(error):
            raise UserError(
                "a training step does not fit into memory; halve --data.batch_size and double "
                "--trainer.accumulate_grad_batches."
            ) from error
        raise
