"""Try everything that needs an extra where none is installed: each is refused in one sentence that names the extra."""

import subprocess
import sys
from pathlib import Path

EVALUATE, TRAIN = "lit-invariance-evaluate", "lit-invariance-train"
SHAPES = ["--data.dataset", "shapes", "--data.image_size", "32"]
HERE = ["--data.root", "."]
DOORS: dict[str, list[tuple[str, ...]]] = {
    "antialiased": [(EVALUATE, "--models", "antialiased_cnns/resnet18@none", *SHAPES)],
    "hf": [
        (EVALUATE, "--models", "hf/microsoft/resnet-18", *SHAPES),
        (EVALUATE, "--models", "tiny_resnet@none", "--data.dataset", "hf/beans"),
    ],
    "export": [
        ("python", "-m", "lit_invariance", "export", "tiny_resnet@none", "--to", "x.onnx", *SHAPES[2:]),
        (EVALUATE, "--models", "here.onnx{mean: 0, std: 1}", *SHAPES),
        (EVALUATE, "--models", "here.xml{mean: 0, std: 1}", *SHAPES),
    ],
    "loggers": [
        (TRAIN, *SHAPES, "--model.backbone", "tiny_resnet", "--trainer.max_epochs", "1", "--trainer.logger", logger)
        for logger in ("WandbLogger", "MLFlowLogger")
    ],
    "webdataset": [(EVALUATE, "--models", "tiny_resnet@none", "--data.dataset", "webdataset", *HERE)],
}
"""Extra to commands that need it."""


def refusal(extra: str, command: tuple[str, ...], programs: Path) -> str:
    """Run a command and return its sentence.

    Raises:
        SystemExit: If it does anything else than refuse in one sentence.
    """
    done = subprocess.run([programs / command[0], *command[1:]], capture_output=True, text=True, check=False)
    last = (done.stderr.strip().splitlines() or [""])[-1]
    told = last.startswith("error: ") and f"pip install 'lit-invariance[{extra}]'" in last
    if done.returncode != 2 or not told or "Traceback" in done.stderr:
        sys.exit(f"{' '.join(command)} without the extra {extra} gave code {done.returncode} and:\n{done.stderr}")
    return last


def main() -> None:
    """Try all doors."""
    for name in ("here.onnx", "here.xml"):
        Path(name).touch()
    for extra, commands in DOORS.items():
        for command in commands:
            print(f"{extra}: {refusal(extra, command, Path(sys.executable).parent)}")


if __name__ == "__main__":
    main()
