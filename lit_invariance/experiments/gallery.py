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
    """Draw some of the views of one image, and where the first two differ, or the first and the last.

    The middle of the image, half as high and wide, stands for an object's box.

    Args:
        protocol: The protocol.
        image: uint8 `(3, H, W)`.
        title: The title above it.
        seed: Seed of the protocol's draws.
    """
    height, width = image.shape[1:]
    box = (width / 4, height / 4, width * 3 / 4, height * 3 / 4) if protocol.needs_boxes else None
    shown = protocol.shown(height, width, box)
    views = torch.cat(list(protocol.parts(image, generator_for(seed, protocol.name, 0), VIEWS_AT_ONCE, box)))
    chosen = torch.linspace(0, len(views) - 1, min(MOST, len(views))).round().int().tolist()
    panels = [(views[number], _label(protocol, shown[number])) for number in chosen]
    if len(views) > 1:
        other, which = (-1, "first and last") if protocol.against_first else (1, "first two")
        difference = (views[other] - views[0]).abs()
        panels.append((difference / difference.max().clamp(min=1e-6), f"{which}: |difference|"))
    figure = Figure(figsize=(INCHES * len(panels), INCHES + 0.45), layout="constrained")
    for axes, (view, label) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        axes.imshow(view.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
        axes.set_title(label, fontsize=8)
        axes.set_axis_off()
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    return figure


def _label(protocol: Protocol, view: int) -> str:
    if protocol.view_names is None:
        return f"{protocol.steps[view]:g} {protocol.unit}"
    return protocol.view_names[view].replace(", ", ",\n")


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
        protocol = choice.build(Preprocessing(mean=MEAN, size=SIZE)).of_file(settings.photo)
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
