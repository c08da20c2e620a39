"""Pack trained networks for the project's own `checkpoints/released`: parameters, config and measured numbers.

`python -m lit_invariance.experiments.release --results DIR --to FOLDER` takes the networks that an evaluation compared.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from lit_invariance.errors import UserError
from lit_invariance.evaluation.model_sources import CHECKPOINTS
from lit_invariance.files import replacing, writable_folder
from lit_invariance.parser import OneSentenceErrors, run_command
from lit_invariance.report.table import number
from lit_invariance.results.reading import RESULTS, read_results
from lit_invariance.results.schema import ModelEntry, ResultsContent
from lit_invariance.training.checkpoint import read_checkpoint
from lit_invariance.training.packed import DATA, MODEL, is_packed, pack

ROOT = "data"
"""Where every config looks for a data set, in place of the folder of the machine that trained."""
KEPT = ("seed_everything", "model", "data", "trainer")


def make_parser() -> OneSentenceErrors:
    """Make the command's parser."""
    about = "Pack the trained networks of evaluations with their config and measured numbers."
    parser = OneSentenceErrors(prog="python -m lit_invariance.experiments.release", description=about)
    parser.add_argument("--results", nargs="+", type=str, required=True, help="Folders of evaluations.")
    parser.add_argument("--to", type=str, required=True, help="Folder in which each network gets its own.")
    return parser


def release(args: Sequence[str] | None = None) -> list[Path]:
    """Pack every checkpoint that the evaluations compared as it is; one with a wrapper added is left out.

    Args:
        args: Command-line arguments; None takes the process's own.

    Returns:
        The folders, each with `model.safetensors`, `config.yaml` and `README.md`.

    Raises:
        UserError: If a results folder or a checkpoint cannot be read.
    """
    settings = make_parser().parse_args(sys.argv[1:] if args is None else list(args))
    made = []
    for results in settings.results:
        content = read_results(Path(results) / RESULTS)
        for model in content["models"]:
            checkpoint = Path(model["source"])
            if checkpoint.suffix == ".ckpt" or is_packed(checkpoint):
                made.append(_released(model, content, checkpoint, Path(settings.to)))
    if not made:
        raise UserError("none of these evaluations compared a checkpoint of a training; there is nothing to pack.")
    return made


def _released(model: ModelEntry, content: ResultsContent, checkpoint: Path, to: Path) -> Path:
    folder = writable_folder(to / model["name"])
    trained = read_checkpoint(checkpoint)
    for part in (trained[MODEL], trained[DATA]):
        _anywhere(part)
    pack({**trained, "state_dict": _halved(trained["state_dict"])}, folder / "model.safetensors")
    config = yaml.safe_load((checkpoint.parent / "config.yaml").read_text(encoding="utf-8"))
    for part in (config["model"], config["data"]):
        _anywhere(part)
    kept = {key: config[key] for key in KEPT}
    for name, text in (("config.yaml", yaml.safe_dump(kept, sort_keys=False)), ("README.md", _card(model, content))):
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return folder


def _halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Round parameters to 16 bits, for half the size; a network that reads them has 32 bits again."""
    return {name: value.half() if value.is_floating_point() else value for name, value in state.items()}


def _anywhere(options: dict[str, Any]) -> None:
    """Replace what is true on one machine only."""
    if options.get("root") is not None:
        options["root"] = ROOT
    weights = options.get("weights")
    if weights is not None and CHECKPOINTS.name in Path(weights).parts:
        parts = Path(weights).parts
        options["weights"] = str(Path(*parts[parts.index(CHECKPOINTS.name) :]))


def _card(model: ModelEntry, content: ResultsContent) -> str:
    """Say what a network is and what was measured of it."""
    data, shown = content["data"], {entry["label"]: entry["headline"] for entry in content["protocols"]}
    lines = [
        f"| {row['protocol']} | {row['score']} | {number(row['mean'])} [{number(row['low'])}, {number(row['high'])}] |"
        for row in content["rows"]
        if row["model"] == model["name"] and row["score"] in shown[row["protocol"]]
        if row["mean"] is not None and row["low"] is not None and row["high"] is not None
    ]
    made = f"`{model['backbone']}`, {model['parameters']:,} parameters, {data['dataset']} at {model['image_size']} px"
    changed = f"mitigations: {model['mitigations'] or 'none'}; translation: {model['translation'] or 'none'}"
    return "\n".join(
        [
            f"# {model['name']}",
            "",
            f"{made}; {changed}. `config.yaml` says how it was trained.",
            "",
            f"Measured on {content['images']} validation images [95 % interval over images]:",
            "",
            "| protocol | score | mean |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    run_command(release)
