"""Options that Lightning's Trainer accepts silently, but that lead to an internal error or to no training."""

from collections.abc import Mapping
from typing import Any

from lit_invariance.errors import UserError

LIMITS = ("max_epochs", "max_steps", "limit_train_batches")
INTERVALS = ("val_check_interval", "check_val_every_n_epoch", "accumulate_grad_batches")
HIGHEST_SEED = 2**32 - 1  # numpy's


def check_trainer_options(options: Mapping[str, Any]) -> None:
    """Refuse a training without a step, and invalid intervals.

    Args:
        options: Those of the Trainer, as they were parsed.

    Raises:
        UserError: If one of them is so.
    """
    for option in LIMITS:
        if options[option] == 0:
            raise UserError(f"--trainer.{option} 0 trains nothing; give a larger number, or leave it out.")
    for option in INTERVALS:
        interval = options[option]
        if isinstance(interval, int | float) and interval <= 0:
            raise UserError(f"--trainer.{option} is {interval}; it must be above 0.")


def check_seed(seed: int | bool | None) -> None:
    """Refuse a seed that the random generators do not accept.

    Args:
        seed: The seed; a bool chooses one; None where a config says null.

    Raises:
        UserError: If it is out of their range.
    """
    if not isinstance(seed, bool) and (seed is None or not 0 <= seed <= HIGHEST_SEED):
        raise UserError(f"--seed_everything is {seed}; it is a whole number from 0 to {HIGHEST_SEED}.")
