"""The training command: LightningCLI with the project's output folders."""

import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from jsonargparse import Namespace
from lightning_fabric.plugins import CheckpointIO
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, OnExceptionCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.utilities import rank_zero_info, rank_zero_only

from lit_invariance.cli import loggers
from lit_invariance.cli.configs import ConfigFile
from lit_invariance.cli.failures import in_one_sentence
from lit_invariance.cli.fix import fix_network
from lit_invariance.cli.quiet import without_advertisements
from lit_invariance.cli.run_callbacks import RunCallbacks
from lit_invariance.cli.run_folder import RunFolder, check_no_foreign_checkpoint
from lit_invariance.cli.signals import Stopped, command_line, stop_requests, stops_at_once
from lit_invariance.cli.trainer_options import check_seed, check_trainer_options
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.files import owned, replacing
from lit_invariance.fixing.options import FixOptions
from lit_invariance.models.backbones import classes_of_file, published_classes
from lit_invariance.models.state_dict import is_file_name
from lit_invariance.parser import OneSentenceErrors
from lit_invariance.training.checkpoint_files import BEST, LAST, WholeCheckpoints
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.user_code.importing import PYTHON
from lit_invariance.version import version

OF_THIS_CALL = ("config", "ckpt_path", "overwrite")
SAME_WHEN_RESUMED = ("backbone", "num_classes", "mitigations", "optimizer")
COUNTS_OR_SHARES = {f"trainer.limit_{stage}_batches" for stage in ("train", "val", "test", "predict")}


class TrainingParser(OneSentenceErrors, LightningArgumentParser):
    """Lightning's parser, whose errors are one sentence, and whose loggers need no folder."""

    def validate(self, namespace: Namespace, *args: Any, **kwargs: Any) -> None:
        """See whether everything is given that is needed.

        Args:
            namespace: What was parsed.
            *args: As `ArgumentParser.validate` takes them.
            **kwargs: Likewise.
        """
        if "trainer.logger" in namespace:
            namespace = namespace.clone()
            namespace["trainer.logger"] = loggers.with_folders(namespace["trainer.logger"], _name_of_run(namespace))
        super().validate(namespace, *args, **kwargs)


class TrainingCLI(LightningCLI):
    """`train.py`: config files by name, overrides, outputs under `checkpoints/<name>` and `runs/<name>`."""

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Make the parser whose `--config` also takes names of configs."""
        parser = self.parser_class(**kwargs, version=version())
        parser.add_argument(
            "-c",
            "--config",
            action=ConfigFile,
            help="A config: a path, or a name in configs/. Can be repeated; later configs override earlier ones.",
        )
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the options that Lightning's Trainer does not have."""
        parser.add_argument("--name", type=str | None, help="Name of the run. Default: the first config's file name.")
        parser.add_argument(
            "--ckpt_path",
            type=str | None,
            help="Resume from a checkpoint: a path, 'last', or 'auto' ('last' if it exists, otherwise a new start).",
        )
        parser.add_argument("--overwrite", type=bool, default=False, help="Replace an earlier run of the same name.")
        parser.add_argument(
            "--fix",
            type=FixOptions | None,
            help="Instead of one training, try what makes the network steadier and keep what helps; see fix.yaml.",
        )
        parser.link_arguments("data.image_size", "model.image_size")
        # `1` is one batch and `1.0` all of them. Python's typing caches unions whatever their order, so that those of
        # Lightning may have come to try the float first.
        for action in parser._actions:
            if action.dest in COUNTS_OR_SHARES:
                action._typehint = int | float | None  # type: ignore[attr-defined]

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Keep the arguments, so that the command can be printed as it was given."""
        self._given: Sequence[str] | None = args
        super().parse_arguments(parser, args)
        check_seed(self.config["seed_everything"])

    def before_instantiate_classes(self) -> None:
        """Find mistakes before anything is built, downloaded or written."""
        config = self.config
        config["name"] = _name_of_run(config)
        self.folder = RunFolder(config["name"])
        self._requeue = config["ckpt_path"] == "auto"
        config["ckpt_path"] = self.folder.resumed(config["ckpt_path"], config["overwrite"])
        check_trainer_options(config["trainer"])
        loggers.check_installed(config["trainer"]["logger"])
        if config["model"]["weights"] == "none":
            config["model"]["weights"] = None
        if self._leaves_files:
            self._check_folders()
        self._look_at_the_data()

    @property
    def _leaves_files(self) -> bool:
        return not self.config["trainer"]["fast_dev_run"]

    @property
    def _keeps_checkpoints(self) -> bool:
        return self._leaves_files and self.config["trainer"]["enable_checkpointing"] is not False

    @rank_zero_only
    def _check_folders(self) -> None:
        if not self.config["ckpt_path"]:
            self.folder.check_free(self.config["overwrite"])
            check_no_foreign_checkpoint(Path(self.config["trainer"]["default_root_dir"] or "."), [])
        self.folder.check_writable()

    def _look_at_the_data(self) -> None:
        """Open the data before the model is built, since it says how many classes there are."""
        self.data = InvarianceData(**self.config["data"])
        model = self.config["model"]
        if self.config["data"]["download"]:
            rank_zero_only(self.data.prepare_data)()
            if model["num_classes"] is not None and rank_zero_only.rank:  # type: ignore[attr-defined]  # set by Lightning
                return  # the first process may still be fetching it
        if model["num_classes"] is None:
            model["num_classes"], whose = self._outputs()
            rank_zero_info(f"head:        {model['num_classes']} outputs, {whose}")
        self.data.check_classes(model["num_classes"])
        self.data.training_images()

    def _outputs(self) -> tuple[int, str]:
        """The number of outputs where the user leaves it open, and what says so."""
        if not self.data.class_names:
            backbone, weights = self.config["model"]["backbone"], self.config["model"]["weights"]
            outputs = published_classes(backbone, weights)
            if outputs is None and weights is not None and is_file_name(weights):
                outputs = classes_of_file(backbone, weights)
            if outputs:
                return outputs, "those of the weights"
        return self.data.num_classes, "one for each class of the data"

    def instantiate_classes(self) -> None:
        """Build model and Trainer, and use the data module that is already open."""
        given = self.config["trainer"]["logger"]
        self.config["trainer"]["logger"] = loggers.with_folders(given, self.config["name"])
        with loggers.usable(given):
            super().instantiate_classes()
        self.config["trainer"]["logger"] = given  # as the saved config is to have it, for runs of other names
        self.datamodule = self.data

    def check(self) -> None:
        """Compare a checkpoint to resume from with the model.

        Raises:
            UserError: If it belongs to a training with other settings.
        """
        if self.config["ckpt_path"]:
            self._check_same_training(self.folder.resumed_settings)
        else:
            self._check_fresh_start()

    @rank_zero_only
    def _check_fresh_start(self) -> None:
        """Refuse files from which Lightning would resume by itself because of `OnExceptionCheckpoint`."""
        crashed = [callback for callback in _callbacks_of(self.trainer) if isinstance(callback, OnExceptionCheckpoint)]
        if crashed:
            check_no_foreign_checkpoint(
                Path(self.trainer.default_root_dir), [self.folder.last, *(Path(one.ckpt_path) for one in crashed)]
            )

    def _check_same_training(self, earlier: Mapping[str, Any]) -> None:
        for option in SAME_WHEN_RESUMED:
            before, now = earlier.get(option), self.model.hparams.get(option)
            if before != now:
                raise UserError(
                    f"{self.config['ckpt_path']} was trained with model.{option} {before}, not {now}; resume with the "
                    "same settings, or start a new run with another --name and without --ckpt_path."
                )

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Make the Trainer with the logger and the callbacks that every run has."""
        logger = loggers.chosen(self.config_init["trainer"]["logger"], self.config["name"])
        try:
            return super().instantiate_trainer(
                logger=logger, callbacks=self._callbacks(), plugins=self._plugins(), **kwargs
            )
        except UserError:
            raise
        except (MisconfigurationException, ValueError, TypeError) as error:
            raise UserError(f"the trainer options do not fit this machine or each other: {error}") from error

    def _plugins(self) -> list[Any]:
        given = self.config_init["trainer"]["plugins"] or []
        plugins = list(given) if isinstance(given, list) else [given]
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            plugins.append(WholeCheckpoints(self.first_checkpoint_stands))
        return plugins

    def _callbacks(self) -> list[Callback]:
        trainer = self.config_init["trainer"]
        bar, size = (trainer[option] is not False for option in ("enable_progress_bar", "enable_model_summary"))
        trainer["enable_progress_bar"], trainer["enable_model_summary"] = bar and sys.stdout.isatty(), False
        self.callbacks = RunCallbacks(
            self.folder, self._keeps_checkpoints, self.config["ckpt_path"], self.resume_command, self._requeue
        )
        return self.callbacks.around(trainer["callbacks"], bar, size, trainer["limit_val_batches"] != 0)

    @property
    def command(self) -> str:
        """The command that was given, without what concerns an earlier run."""
        return command_line("train.py", self._given, without=["--ckpt_path", "--overwrite"])

    @property
    def resume_command(self) -> str:
        """The command that resumes this run."""
        return f"{self.command} --ckpt_path last"

    def fit(self) -> None:
        """Train; no other training can write to the run's folders meanwhile.

        Raises:
            UserError: If the training fails because of the machine or the data.
            Stopped: If a signal stops the training.
        """
        with ExitStack() as stack:
            if self._leaves_files:
                self._begin(stack)
            self.callbacks.stopping.request = stack.enter_context(stop_requests())
            stack.enter_context(in_one_sentence(self.folder.checkpoints))
            stack.enter_context(self.callbacks.restored.in_one_sentence())
            stack.enter_context(loggers.usable(self.config["trainer"]["logger"]))
            try:
                self.trainer.fit(self.model, self.datamodule, ckpt_path=self.config["ckpt_path"], weights_only=True)
            except (UserError, MisconfigurationException, OSError, RuntimeError, MemoryError) as error:
                if not isinstance(error, Stopped) and self.folder.stands:
                    rank_zero_info(f"resume with: {self.resume_command}")
                raise

    def _begin(self, stack: ExitStack) -> None:
        @rank_zero_only
        def leave_nothing() -> None:
            if not self.trainer.global_step or not self.callbacks.restored.done:
                self.folder.leave_nothing()

        self.folder.make()
        stack.callback(leave_nothing)
        stack.enter_context(owned(self.folder.checkpoints, "training"))
        self._check_folders()  # once more: another training of this name may have ended meanwhile
        if not self.config["ckpt_path"]:
            self.folder.mark_earlier()

    def first_checkpoint_stands(self, path: Path) -> None:
        """Remove the earlier run, and write the config with which `--config` repeats this run."""
        self.folder.remove_earlier(path)
        kept = {key: value for key, value in self.config.items() if key not in OF_THIS_CALL}
        config = Namespace(kept)  # type: ignore[no-untyped-call]
        with replacing(self.folder.checkpoints / "config.yaml") as temporary:
            temporary.write_text(self.parser.dump(config, skip_none=False, skip_validation=True))

    def tell(self) -> None:
        """Say where the outputs are."""
        if not self.trainer.is_global_zero or not self._leaves_files:
            return
        curves = [f"curves:      {loggers.shown_by(logger)}" for logger in self.trainer.loggers]
        if not self._keeps_checkpoints or not self.folder.last.is_file():
            lines = curves
        else:
            score = self.callbacks.best.best_model_score
            kept, named = LAST, self._named(self.folder.last)
            if score is not None:  # without --models, the best ones are compared
                own = self.config["model"]["backbone"].startswith(PYTHON)
                kept, named = f"{BEST} (val/acc {score:.4f}) and {LAST}", self._named(self.folder.best) if own else ""
            checkpoints = f"checkpoints: {self.folder.checkpoints}/{kept}, with config.yaml"
            lines = [checkpoints, *curves, f"compare:     python evaluate.py{named}"]
        for line in lines:
            rank_zero_info(line)

    def _named(self, path: Path) -> str:
        """How a checkpoint is named; the code of a network of the user's own is run only where it is named too."""
        backbone = self.config["model"]["backbone"]
        text = f"{self.config['name']}={backbone}@{path}" if backbone.startswith(PYTHON) else str(path)
        return f" --models {shlex.quote(text)}"


def train(args: list[str] | None = None) -> TrainingCLI:
    """Train as `python train.py` does.

    Args:
        args: Command-line arguments; None takes the process's own.

    Returns:
        The command-line object, with the fitted `model`, `datamodule` and `trainer`.

    Raises:
        UserError: If the user must fix something.
        Stopped: With code 128 + the signal, after SIGINT or SIGTERM.
        SystemExit: With code 2 after a bad argument, 0 after `--help` or `--print_config`.
    """
    with without_advertisements():
        cli = _built(args)
        if cli.config["fix"] is not None:
            fix_network(cli)
        else:
            cli.fit()
            cli.tell()
    return cli


def _built(args: list[str] | None) -> TrainingCLI:
    """Build everything; a signal ends the process at once, because nothing is written before the training begins."""
    try:
        with stops_at_once():
            cli = TrainingCLI(
                LitClassifier,
                InvarianceData,
                save_config_callback=None,
                seed_everything_default=0,
                parser_class=TrainingParser,
                auto_configure_optimizers=False,
                load_from_checkpoint_support=False,
                run=False,
                args=args,
            )
            cli.check()
            return cli
    except Stopped as stopped:
        rank_zero_info(f"stopped by {signal.Signals(stopped.number).name} before the training began.")
        raise


def _name_of_run(config: Namespace) -> str:
    configs = config.get("config") or []
    return config["name"] or (Path(str(configs[0])).stem if configs else "run")


def _callbacks_of(trainer: pl.Trainer) -> list[Callback]:
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set by a connector
    return callbacks
