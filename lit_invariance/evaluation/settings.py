"""The settings of an evaluation, apart from the models and the data."""

from dataclasses import dataclass

from lit_invariance.evaluation.precision import EXACT


@dataclass(frozen=True)
class Settings:
    """How models are compared.

    Attributes:
        reference: Name of the model that the others are compared with.
        seed: Seed of the views and of the resampling, from 0.
        draws: Draws of each image's geometry, over which its scores are averaged.
        accelerator: As Lightning names it.
        devices: As Lightning takes it; of each node.
        num_nodes: Machines that share the pictures.
        precision: As Lightning names it; `"32-true"` is float32 without TF32.
        compiling: `true`, `false`, or `auto`: whether networks are compiled.
        progress: Whether to show a progress bar.
        embedding: Whether to measure the cosine between the features of the views, too.
        cost: Whether to measure multiplications, latency and memory.
        diagnose: Names of the diagnostics to run.
        diagnose_images: How many of the evaluated images they look at.
        command: The command's arguments, for the results file; None for a call from Python.
    """

    reference: str
    seed: int = 0
    draws: int = 1
    accelerator: str = "auto"
    devices: int | str = "auto"
    num_nodes: int = 1
    precision: str = EXACT
    compiling: str = "auto"
    progress: bool = True
    embedding: bool = False
    cost: bool = True
    diagnose: tuple[str, ...] = ()
    diagnose_images: int = 50
    command: tuple[str, ...] | None = None
