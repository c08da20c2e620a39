"""The number of parameters, in one line."""

from typing import Any

from pytorch_lightning.callbacks import ModelSummary
from pytorch_lightning.utilities import rank_zero_info


class NetworkSize(ModelSummary):
    """Say how many parameters are trained.

    It stands for Lightning's table, whose FLOPs are zeros and whose rows are the parts of our own module.
    """

    @staticmethod
    def summarize(
        summary_data: list[tuple[str, list[str]]],
        total_parameters: int,
        trainable_parameters: int,
        *_: Any,
        **__: Any,
    ) -> None:
        """Print the line.

        Args:
            summary_data: The table's columns, which are not shown.
            total_parameters: All.
            trainable_parameters: Those that are trained.
        """
        trained = "all trained" if trainable_parameters == total_parameters else f"{trainable_parameters:,} trained"
        rank_zero_info(f"network:     {total_parameters:,} parameters, {trained}")
