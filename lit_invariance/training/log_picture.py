"""One picture for any logger that can show one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger


def shows_pictures(logger: Logger) -> bool:
    """Whether a logger can show pictures: TensorBoard, MLflow, and those with a method `log_image`, as W&B.

    Args:
        logger: One of the Trainer's.
    """
    return isinstance(logger, TensorBoardLogger | MLFlowLogger) or callable(getattr(logger, "log_image", None))


def log_picture(logger: Any, tag: str, picture: NDArray[np.uint8], step: int) -> None:
    """Give a picture to a logger.

    Args:
        logger: One that `shows_pictures`.
        tag: Name of the picture.
        picture: `(H, W, 3)`.
        step: The training step.
    """
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(tag, picture, step, dataformats="HWC")
    elif isinstance(logger, MLFlowLogger):
        logger.experiment.log_image(logger.run_id, Image.fromarray(picture), key=tag, step=step)
    else:
        logger.log_image(tag, [Image.fromarray(picture)], step=step)
