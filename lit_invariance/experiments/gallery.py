"""`python -m lit_invariance.experiments.gallery PHOTO` draws what every protocol shows a network."""

from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lit_invariance.data.images import decode
from lit_invariance.errors import UserError
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.files import replacing, writable_folder
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.parser import OneSentenceErrors, run_command
from lit_invariance.protocols import Protocol, generator_for

SIZE, MEAN = 224, (0.485, 0.456, 0.406)
MOST = 5
VIEWS_AT_ONCE = 64
INCHES = 1.6
QUALITY = {"quality": 82}


def draw(protocol: Protocol, image: Tensor, title: str, seed: int = 0) -> Figure:
    """Draw some of the views of one image, and where the first two neighbours differ.

    Args:
        protocol: The protocol.
        image: uint8 `(3, H, W)`.
        title: The title above it.
        seed: Seed of the protocol's draws.
    """
    shown = protocol.shown(image.shape[1], image.shape[2])
    views = torch.cat(list(protocol.parts(image, generator_for(seed, protocol.name, 0), VIEWS_AT_ONCE)))
    chosen = torch.linspace(0, len(views) - 1, min(MOST, len(views))).round().int().tolist()
    panels = [(views[number], f"{protocol.steps[shown[number]]:g} {protocol.unit}") for number in chosen]
    if len(views) > 1:
        difference = (views[1] - views[0]).abs()
        panels.append((difference / difference.max().clamp(min=1e-6), "first two: |difference|"))
    figure = Figure(figsize=(INCHES * len(panels), INCHES + 0.45), layout="constrained")
    for axes, (view, label) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        axes.imshow(view.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
        axes.set_title(label, fontsize=8)
        axes.set_axis_off()
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    return figure


def gallery(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args: Command-line arguments; None takes the process's own.

    Raises:
        UserError: If the picture cannot be read or the folder not written.
        SystemExit: With code 2 after a bad argument.
    """
    parser = OneSentenceErrors(
        prog="python -m lit_invariance.experiments.gallery", description="Draw the protocols' views."
    )
    parser.add_argument("photo", type=str, help="A picture file.")
    parser.add_argument("--protocols", nargs="+", type=str, default=["all"], help="Names of protocols or groups.")
    parser.add_argument("--output", type=str, default="docs/protocols", help="Folder for the pictures.")
    settings = parser.parse_args(None if args is None else list(args))
    image, folder = decode(Path(settings.photo)), writable_folder(Path(settings.output))
    for choice in choose_protocols(settings.protocols):
        protocol = choice.build(Preprocessing(mean=MEAN, size=SIZE))
        name = "_".join([choice.name, *(str(value) for value in choice.options.values())])
        try:
            figure = draw(protocol, image, f"{choice.label}: {len(protocol.steps)} views")
        except (ValueError, RuntimeError) as error:
            raise UserError(f"protocol {choice.label} cannot show {settings.photo}: {error}") from error
        with replacing(folder / f"{name}.jpg") as path:
            figure.savefig(path, dpi=100, pil_kwargs=QUALITY)
    print(f"pictures: {folder}")


if __name__ == "__main__":
    run_command(gallery)
