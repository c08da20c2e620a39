"""Where the curves of a training go."""

from collections.abc import Mapping

from pytorch_lightning.loggers import TensorBoardLogger


class Curves(TensorBoardLogger):
    """A TensorBoard logger that keeps important curves visible: TensorBoard opens only the first two groups.

    The epoch number, which would be a separate group, is left out, and learning rates go into the `train` group.
    """

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write scalars.

        Args:
            metrics: Tag to value.
            step: The training step.
        """
        tags = {tag: f"train/{tag}" if tag.startswith("lr-") else tag for tag in metrics if tag != "epoch"}
        super().log_metrics({tags[tag]: metrics[tag] for tag in tags}, step)
