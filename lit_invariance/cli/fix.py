"""The recipe of a config with a section `fix`, in the folders and with the settings of the training command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytorch_lightning.utilities import rank_zero_info

from lit_invariance.cli.failures import in_one_sentence
from lit_invariance.cli.signals import Stopped, stops_at_once
from lit_invariance.errors import UserError
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.files import owned
from lit_invariance.fixing.plan import Plan
from lit_invariance.fixing.recipe import Fixed, fix
from lit_invariance.models.preprocessing import Preprocessing

if TYPE_CHECKING:
    from lit_invariance.cli.train import TrainingCLI

TRAINER = (
    "accelerator",
    "precision",
    "max_epochs",
    "max_steps",
    "accumulate_grad_batches",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "deterministic",
    "benchmark",
)
"""The Trainer's options that each of the recipe's trainings has."""


def fix_network(cli: TrainingCLI) -> Fixed:
    """Run the recipe.

    Args:
        cli: The training command, with everything built.

    Raises:
        UserError: If the user must fix something.
        Stopped: If a signal stops the run, which the same command then goes on with.
    """
    plan = plan_of(cli)
    fine_tuned = cli.model.trained_classes == cli.model.num_classes
    if not fine_tuned and not cli.data.labelled:
        raise UserError(
            f"the weights are of {cli.model.trained_classes} classes, not of {cli.model.num_classes}, and pictures "
            "without labels cannot teach others; set --model.num_classes to the weights' own."
        )
    folder = cli.folder.checkpoints
    with _owning(cli), stops_at_once(), in_one_sentence(folder):
        try:
            fixed = fix(plan, fine_tuned, cli.data.labelled, folder)
        except Stopped:
            rank_zero_info(f"go on with: {cli.command}")
            raise
        cli.first_checkpoint_stands(fixed.best)
    _tell(plan, fixed)
    return fixed


def plan_of(cli: TrainingCLI) -> Plan:
    """Take the settings of the command.

    Raises:
        UserError: If one of them cannot be combined with the recipe.
    """
    config = cli.config
    if config["model"]["weights"] is None:
        raise UserError("fix starts from a trained network; set --model.weights to its weights.")
    if config["ckpt_path"]:
        raise UserError("an interrupted run with fix goes on by itself; give the same command without --ckpt_path.")
    if config["trainer"]["fast_dev_run"]:
        raise UserError("fix compares trained networks; leave out trainer.fast_dev_run, or set --trainer.max_steps.")
    if config["trainer"]["callbacks"]:
        raise UserError("trainer.callbacks are not taken into the trainings of fix; leave them out.")
    if cli.trainer.world_size > 1:
        raise UserError("fix trains on one device, since its trainings are short; set --trainer.devices 1.")
    protocols = choose_protocols(config["fix"]["protocols"])
    for choice in protocols:
        if len(choice.build(Preprocessing(size=config["data"]["image_size"])).steps) < 2:
            raise UserError(f"fix.protocols holds {choice.label}, which has a single view; name one with neighbours.")
    return Plan(
        model=_plain(config["model"]),
        data=_plain(config["data"]),
        trainer={option: config["trainer"][option] for option in TRAINER} | {"devices": 1},
        protocols=protocols,
        seed=int(config["seed_everything"]),
    )


def _plain(options: Any) -> dict[str, Any]:
    return dict(options.as_dict())


@contextmanager
def _owning(cli: TrainingCLI) -> Iterator[None]:
    """Make the run's folder and own it; if nothing is written, it is removed again."""
    folder = cli.folder
    with ExitStack() as stack:
        folder.make()
        stack.callback(folder.leave_nothing)
        stack.enter_context(owned(folder.checkpoints, "training"))
        folder.mark_earlier()
        yield


def _tell(plan: Plan, fixed: Fixed) -> None:
    models = f"plain={plan.source_of(fixed.plain)} fixed={plan.source_of(fixed.best)}"
    rank_zero_info(
        f"checkpoints: {fixed.best} (the network to use) and {Path(fixed.plain).name} (without any change), with "
        "config.yaml\n"
        f"compare:     python evaluate.py --models {models} --data.root PHOTOS_NOT_USED_HERE"
    )
