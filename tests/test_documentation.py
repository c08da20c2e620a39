"""Every command and every Python block of README and docs runs, but for those marked `<!-- not run: reason -->`."""

import re
import runpy
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lit_invariance.__main__ import main
from lit_invariance.cli.evaluate import evaluate
from lit_invariance.cli.train import train
from lit_invariance.experiments.bias_grid import run_causal
from lit_invariance.experiments.gallery import gallery
from tests.test_quickstart import commands as quickstart

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE
)
# Appended to a command, so that it ends in seconds: what is shortened is how much it computes, not what it does.
SHORT_TRAINING = ["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu", "--trainer.precision", "32-true"]
SHORT_TRAINING += ["--trainer.log_every_n_steps", "1", "--trainer.enable_progress_bar", "false"]
SHORT_TRAINING += [
    "--trainer.enable_model_summary",
    "false",
    "--data.num_workers",
    "0",
    "--model.invariance_images",
    "2",
]
SMALL_SHAPES = [
    "--data.shapes",
    "{train_images: 20, val_images: 10}",
    "--data.image_size",
    "32",
    "--data.batch_size",
    "10",
]
SMALL_PHOTOS = ["--data.image_size", "64", "--data.batch_size", "2", "--model.weights", "null"]
SHORT_EVALUATION = ["--accelerator", "cpu", "--progress", "false", "--cost", "false", "--max_images", "4"]
SHORT_GRID = ["--train_images", "20", "--val_images", "10", "--epochs", "1"]
# Commands that run until they are stopped, or whose recipe is looked at below.
NOT_RUN = ("tensorboard", "make", "pre-commit", "git")


@dataclass(frozen=True)
class Block:
    page: str
    language: str
    text: str
    reason: str | None

    def commands(self):
        """Command lines, joined where a backslash continues them; none in printed output."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True)) and is_command(words)]


def is_command(words):
    return words[0] in (*NOT_RUN, "python", "pip")


def blocks():
    for page in PAGES:
        for found in FENCE.finditer(page.read_text()):
            yield Block(str(page.relative_to(ROOT)), found["language"], found["text"], found["reason"])


def named(block):
    return f"{block.page}-{(block.text.strip().splitlines() or ['empty'])[0][:50]}"


SHELL = [block for block in blocks() if block.language in ("", "sh", "bash") and block.commands() and not block.reason]
PYTHON = [block for block in blocks() if block.language == "python" and not block.reason]


@pytest.fixture
def photos(in_folder):
    """What the pages call DIR: `train` and `val` with two of ImageNet's classes."""
    pixels = np.random.default_rng(0)
    for part, count in (("train", 3), ("val", 2)):
        for synset in ("n01440764", "n02980441"):
            folder = in_folder / "DIR" / part / synset
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(pixels.integers(0, 256, (70, 80, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    Image.new("RGB", (300, 280), (90, 60, 30)).save(in_folder / "PHOTO", format="PNG")
    return in_folder


def run(words):
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), words
        return
    if words[0] in NOT_RUN:
        return
    assert words[0] == "python", words
    script, arguments = (words[2], words[3:]) if words[1] == "-m" else (words[1], words[2:])
    command, short = COMMANDS[script]
    command([*arguments, *short(arguments)])


def short_training(arguments):
    small = SMALL_PHOTOS if "DIR" in arguments else SMALL_SHAPES
    return [*SHORT_TRAINING, *(small if "--trainer.max_epochs" not in arguments else [*small, *planned(arguments)])]


def planned(arguments):
    """The page's own number of epochs, where it says one: a second command may go on from the first."""
    return ["--trainer.max_epochs", arguments[arguments.index("--trainer.max_epochs") + 1]]


def short_evaluation(arguments):
    return [*SHORT_EVALUATION, *(["--data.image_size", "32"] if "shapes" in arguments else [])]


COMMANDS = {
    "lit_invariance": (main, lambda _: ["--max_images", "2", "--progress", "false"]),
    "train.py": (train, short_training),
    "evaluate.py": (evaluate, short_evaluation),
    "lit_invariance.experiments.bias_grid": (run_causal, lambda _: SHORT_GRID),
    "lit_invariance.experiments.gallery": (gallery, lambda _: ["--protocols", "crop", "--output", "pictures"]),
}


@pytest.mark.filterwarnings("ignore")  # what Lightning advises about small data is as a user would see it
@pytest.mark.parametrize("block", SHELL, ids=named)
def test_commands_run(block, photos):
    for words in block.commands():
        run(words)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("block", PYTHON, ids=named)
def test_python_runs_as_written(block, in_folder):
    torch.manual_seed(0)
    (in_folder / "snippet.py").write_text(block.text)
    runpy.run_path("snippet.py", run_name="__main__")


def test_the_quickstart_s_commands_run(in_folder):
    commands = quickstart()
    assert [words[0] for words in commands] == ["train.py"] * 3 + ["evaluate.py"]
    for script, *arguments in commands:
        command, short = COMMANDS[script]
        # Its protocols give lengths in pixels, so that its networks keep their size.
        size = ["--data.image_size", "48"] if script == "train.py" else []
        command([*arguments, *short(arguments), *size])
    assert Path("results/quickstart/report.html").is_file()


def test_blocks_are_found_and_reasons_given():
    assert len(SHELL) >= 8
    assert len(PYTHON) >= 6
    assert all(len(block.reason) > 10 for block in blocks() if block.reason)
    for block in blocks():
        known = block.reason or block.language == "python" or block.commands() or block.page == "README.md"
        assert known, f"{block.page}: nothing is run of\n{block.text}"


def test_links_lead_somewhere():
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            if path.startswith("http"):
                continue
            found = (page.parent / path) if path else page
            assert found.exists(), f"{page.name}: {target}"
            if anchor:
                heads = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
                slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
                assert anchor in slugs, f"{page.name}: {target}"


def test_every_page_is_in_the_index():
    listed = set(re.findall(r"\((\w+\.md)\)", (ROOT / "docs" / "index.md").read_text()))
    assert listed == {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
