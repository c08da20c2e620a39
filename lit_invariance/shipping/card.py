"""The model card: what an exported file is, how to use it, what was measured, and whose terms apply, in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_invariance.errors import UserError
from lit_invariance.models.exported.description import NORMALISED
from lit_invariance.names import printable
from lit_invariance.report.preprocessing import describe
from lit_invariance.results.reading import RESULTS, digest_of, read_results
from lit_invariance.results.schema import ModelEntry, ResultsContent, estimate, find_row, headline_scores, is_at_chance
from lit_invariance.shipping.licences import licence_of
from lit_invariance.shipping.packing import Packed
from lit_invariance.shipping.parity import Parity

NOT_OF_TRAINING = ("backbone", "weights", "num_classes", "image_size", "mitigations")


@dataclass(frozen=True)
class Evaluated:
    """An earlier evaluation of the model.

    Attributes:
        results: Its results.
        entry: The model in them.
    """

    results: ResultsContent
    entry: ModelEntry


def find_evaluation(folder: str, packed: Packed) -> Evaluated:
    """Find a model in the results of an evaluation.

    Args:
        folder: The results folder.
        packed: The model.

    Raises:
        UserError: If the results cannot be read, or the model is not in them.
    """
    results = read_results(Path(folder) / RESULTS)
    about = packed.description
    for entry in results["models"]:
        if entry["source"] == about.source or entry["name"] == about.name:
            if entry["mitigations"] != list(about.mitigations):
                raise UserError(
                    f"{folder} has {entry['name']} with mitigations {entry['mitigations']}, but exported is one with "
                    f"{list(about.mitigations)}; evaluate the exported one."
                )
            return Evaluated(results, entry)
    names = ", ".join(entry["name"] for entry in results["models"])
    raise UserError(f"{folder} has no results of {about.name}; write name=SOURCE with a name from it: {names}.")


def model_card(
    packed: Packed,
    path: Path,
    use: Sequence[str],
    parity: Sequence[Parity],
    pictures: str,
    runs_in: str,
    trained: Mapping[str, Any],
    evaluated: Evaluated | None,
) -> str:
    """Write a model card.

    Args:
        packed: What was exported.
        path: The file.
        use: Lines of Python that load it.
        parity: How its answers compare with those here.
        pictures: On which pictures they were compared.
        runs_in: What ran the file.
        trained: Hyperparameters of the model's training; empty where it is not known.
        evaluated: Results of the model, if there are any.

    Returns:
        Markdown.
    """
    about = packed.description
    weights = trained.get("weights") if trained else packed.model.source.weights
    text = [f"# {printable(about.name)}", "", *_what(packed, path), "", "## Use", "", "```python", *use, "```", ""]
    text += [*_input(packed), "", "## How it was made", "", *_making(packed, weights, trained), ""]
    text += ["## Measured", "", *_numbers(evaluated), "", "## Parity with PyTorch", ""]
    compared = [[one.protocol, one.views, one.flips, f"{one.worst:.1e}"] for one in parity]
    text += [f"On {pictures}, run by {runs_in}:", ""]
    text += _table(["protocol", "views", "flips", "worst logit difference"], compared)
    text += ["", "## Licence of the weights", "", _licence(packed, weights, bool(trained)), ""]
    return "\n".join(text)


def _what(packed: Packed, path: Path) -> list[str]:
    about = packed.description
    done = ", ".join(map(str, about.mitigations)) or "none"
    rows: list[list[Any]] = [
        ["file", f"`{printable(path.name)}`, {path.stat().st_size / 1e6:.1f} MB, SHA-256 `{digest_of(path)}`"],
        ["source", f"`{printable(about.source)}`"],
        ["mitigations", done],
        ["parameters", f"{about.parameters:,}"],
        ["forward passes for one picture", about.passes],
        ["exported by", f"lit_invariance {about.version}"],
    ]
    return _table(["", ""], rows)


def _input(packed: Packed) -> list[str]:
    about, seen = packed.description, packed.model.describe()
    channels = "RGB" if len(about.mean) == 3 else f"{len(about.mean)} channels"
    scale = f"normalised by you: (picture - {list(about.mean)}) / {list(about.std)}, of pictures in [0, 1]"
    if about.input != NORMALISED:
        scale = "in [0, 1], not normalised: the file does that itself"
    lines = [
        f"Input: `(N, {len(about.mean)}, {about.size}, {about.size})`, {channels}, float32, {scale}. Before that, "
        f"pictures are resized and cropped by {describe(seen)}.",
        "",
        f"Output: logits `(N, {about.classes})`.",
    ]
    if about.class_names is not None:
        lines += ["", f"Classes: {', '.join(map(printable, about.class_names))}."]
    return lines


def _making(packed: Packed, weights: str | None, trained: Mapping[str, Any]) -> Iterator[str]:
    model, data = packed.model, packed.model.source.data or {}
    yield f"Network: `{printable(model.backbone)}`, from {'random weights' if weights is None else f'`{weights}`'}."
    if not trained:
        yield "" if model.mitigations else "It was not trained further."
        return
    yield ""
    yield "Fine-tuned with:"
    yield ""
    shown = {**{key: trained[key] for key in trained if key not in NOT_OF_TRAINING}}
    shown |= {
        f"data.{key}": data[key] for key in ("dataset", "translation", "batch_size", "flip", "seed") if key in data
    }
    if data.get("root"):
        shown["data.root"] = Path(data["root"]).name
    yield from _table(["option", "value"], [[key, value] for key, value in shown.items() if value is not None])


def _numbers(evaluated: Evaluated | None) -> Iterator[str]:
    if evaluated is None:
        yield "Not evaluated: give `--results FOLDER` with the results of `evaluate.py`."
        return
    results, name = evaluated.results, evaluated.entry["name"]
    data = results["data"]
    root = f" ({Path(str(data['root'])).name})" if data.get("root") else ""
    yield (
        f"{results['images']} pictures of {data.get('dataset')}{root}, fingerprint {data.get('fingerprint')}; in "
        f"brackets the {results['level']:.0%} interval over pictures; {results['device']}, {results['precision']}."
    )
    yield ""
    rows = []
    for protocol in results["protocols"]:
        label = protocol["label"]
        mark = ", at chance" if is_at_chance(results, name, label) else ""
        for score in headline_scores(results, label):
            found = estimate(find_row(results, name, label, score))
            shown = "undefined" if found is None else "{:.3f} [{:.3f}, {:.3f}]".format(*found)
            rows.append([f"`{label}`{mark}", score, shown])
    yield from _table(["protocol", "score", "mean"], rows)
    if cost := evaluated.entry["cost"]:
        yield ""
        yield (
            f"Cost of one view: {cost['macs'] / 1e9:.2f} G multiply-accumulates, {cost['latency_ms']:.3g} ms on "
            f"{cost['device']} in PyTorch."
        )
    if results["command"] is not None:
        yield ""
        yield f"Command: `evaluate.py {printable(' '.join(results['command']))}`"


def _licence(packed: Packed, weights: str | None, trained: bool) -> str:
    said = licence_of(packed.model.backbone, weights)
    return f"Of the weights that the training began with: {said}." if trained and weights else f"{said.capitalize()}."


def _table(head: Sequence[Any], rows: Sequence[Sequence[Any]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |" for line in lines]
