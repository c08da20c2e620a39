import copy
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from lit_invariance.errors import UserError
from lit_invariance.metrics import SCORES
from lit_invariance.report.page import save_page
from lit_invariance.results.outcomes import Answers, Outcomes

IMAGES = 40
VOID = {"meta", "link", "img", "br", "hr", "input"}
PROTOCOLS = {"centre_crop": ("px", 1), "crop": ("px", 2), "sweep": ("px", 12), "shift_grid": ("shift", 9)}


def evaluation(names, folder, protocols=PROTOCOLS):
    """Results and outcomes as an evaluation leaves them, with a picture under each protocol of two views or more."""
    generator = np.random.default_rng(0)
    answers, columns, rows, pictures = {}, {}, [], []
    (folder / "pictures").mkdir(exist_ok=True)
    for protocol, (_, views) in protocols.items():
        for place, model in enumerate(names):
            probability = generator.random((IMAGES, views)).astype(np.float32)
            answers[model, protocol] = Answers(
                generator.integers(0, 3, (IMAGES, views)).astype(np.int32), probability, probability
            )
            for score in ("accuracy", "top1_change")[: 1 + (views > 1)]:
                columns[model, protocol, score] = generator.random(IMAGES)
                # The order by accuracy is not the order of the models.
                mean = 0.9 - 0.3 * ((place * 3) % len(names)) / len(names)
                row = {"model": model, "protocol": protocol, "score": score, "mean": mean, "low": mean - 0.1}
                apart = dict.fromkeys(("difference", "difference_low", "difference_high", "p", "p_holm"))
                if place:
                    apart = {"difference": 0.02, "difference_low": -0.01, "difference_high": 0.05, "p": 0.01}
                    apart["p_holm"] = 0.2 if score == "accuracy" else 0.0002
                rows.append(row | {"high": mean + 0.05} | apart)
        if views > 1:
            files = [f"pictures/{protocol}_7_{view}.webp" for view in range(2)]
            for file in files:
                Image.new("RGB", (32, 32), (200, 30, 30)).save(folder / file)
            pictures.append({"protocol": protocol, "index": 7, "name": "<b>.png", "views": [0, 1], "files": files})
    cost = {"macs": 3_000_000, "latency_ms": 2.5, "peak_bytes": 4_000_000, "peak_method": "tensors", "batch": 8}
    cost |= {"device": "cpu", "memory_format": "channels_last", "threads": 1}
    model = {"source": "x.ckpt", "backbone": "tiny_resnet", "mitigations": ["blurpool"], "translation": None}
    model |= {"preprocessing": {"recipe": None, "crop_pct": None, "crop_mode": "center", "interpolation": "bilinear"}}
    model |= {"parameters": 1000, "image_size": 16, "cost": cost, "weights": None, "passes": 1}
    results = {
        "schema": 2,
        "command": ["--models", "a b=x.ckpt"],
        "versions": {"python": "3.12"},
        "device": "cpu",
        "precision": "32-true",
        "seed": 0,
        "level": 0.95,
        "images": IMAGES,
        "data": {"dataset": "shapes", "root": None, "classes": 3, "fingerprint": "0123456789abcdef"},
        "class_names": ["cat, domestic", "dog", "<script>alert(1)</script>"],
        "reference": names[0],
        "models": [{"name": name} | model for name in names],
        "protocols": [
            {"label": label, "name": label, "options": {}, "unit": unit, "steps": [*map(float, range(views))]}
            | {"headline": ["accuracy", "top1_change"]}
            for label, (unit, views) in protocols.items()
        ],
        "scores": {
            name: {"unit": SCORES[name].unit, "higher_is_better": SCORES[name].higher_is_better}
            for name in ("accuracy", "top1_change")
        },
        "rows": rows,
        "groups": [{"name": "run", "members": list(names[1:3]), "seeds": [0, 1]}],
        "group_rows": [
            {"group": "run", "protocol": "crop", "score": "accuracy", "mean": 0.8, "seed_deviation": 0.0123}
            | {"low": 0.7, "high": 0.9}
        ],
        "pictures": pictures,
    }  # fmt: skip
    labels = np.arange(IMAGES) % 3
    return results, Outcomes(np.arange(IMAGES), labels, columns, answers)


NAMES = ("baseline", "a <i>model</i>", "blurpool", "augmented")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    save_page(*evaluation(NAMES, folder), folder)
    return folder


@pytest.fixture
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Checks that tags close in order, and collects attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_well_formed_and_self_contained(page):
    tags = Reader(page).tags
    for tag, attributes in tags:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    identifiers = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for target in re.findall(r'(?:href="|url\()#([^")]+)', page):
        assert target in identifiers


def test_figures_are_described(page):
    tags = Reader(page).tags
    drawings = [attributes for tag, attributes in tags if tag == "svg"]
    # Three trade-offs; curves under crop and sweep; heat maps of the sweep and maps of the grid for each model.
    assert len(drawings) == 3 + 2 + 4 + 4
    assert all(attributes["role"] == "img" and len(attributes["aria-label"]) > 30 for attributes in drawings)
    pictures = [attributes for tag, attributes in tags if tag == "img"]
    assert len(pictures) == 3 * 2
    assert all(len(attributes["alt"]) > 20 for attributes in pictures)


def test_what_stands_in_it(page):
    text = " ".join("".join(Reader(page).text).split())
    assert "baseline (reference) is right on 90.0 % [80.0, 95.0] of the views of crop" in text
    assert "less steady (+2.0 points [-1.0, +5.0], corrected p < .001); not shown to differ in accuracy" in text
    assert "less steady under 3 of 3 protocols" in text
    assert "python evaluate.py --models 'a b=x.ckpt'" in text
    assert "fingerprint 0123456789abcdef" in text
    assert "1 thread, batch 8, channels_last" in text
    assert ".012" in text  # deviation over seeds
    for label in PROTOCOLS:
        assert label in text
    assert "alert(1)" in text
    assert "<script>alert(1)" not in page
    assert "<i>" not in page


def test_one_model_and_one_view(tmp_path):
    results, outcomes = evaluation(["only"], tmp_path, {"centre_crop": ("px", 1)})
    results |= {"groups": [], "group_rows": []}
    for model in results["models"]:
        model["cost"] = None
    page = save_page(results, outcomes, tmp_path).read_text()
    text = " ".join("".join(Reader(page).text).split())
    assert "only (reference) is right on 90.0 % [80.0, 95.0] of the views of centre_crop." in text
    for heading in ("What the failures look like", "Heat maps", "difference from", "Cost of one view"):
        assert heading not in text


def test_a_model_at_chance_is_marked_where_it_is(tmp_path):
    results, outcomes = evaluation(["only", "other"], tmp_path, {"centre_crop": ("px", 1), "crop": ("px", 2)})
    results["at_chance"] = {"crop": ["other"]}
    text = " ".join("".join(Reader(save_page(results, outcomes, tmp_path).read_text()).text).split())
    start = text.index("Click a heading")
    assert text[start : text.index("Cost of one view", start)].count("at chance") == 1


def test_published_numbers(tmp_path):
    results, outcomes = evaluation(["only"], tmp_path, {"crop": ("px", 2)})
    results["models"][0] |= {"backbone": "torchvision/resnet50"}
    results |= {"groups": [], "group_rows": []}
    results["rows"] += [row | {"score": "mean_absolute_change"} for row in results["rows"][:1]]
    results["scores"]["mean_absolute_change"] = {"unit": "probability", "higher_is_better": False}
    text = " ".join("".join(Reader(save_page(results, outcomes, tmp_path).read_text()).text).split())
    assert "Published numbers" in text
    assert ".061 ±" in text  # P(top-1 change) of Table 1
    assert "no: the pictures are not the ILSVRC2012 validation set" in text


def test_a_film_without_a_label(tmp_path):
    results, outcomes = evaluation(["only"], tmp_path, {"frames": ("frame", 2)})
    results |= {"samples": "frame pairs", "pictures": [], "groups": [], "group_rows": []}
    results["rows"] = [row for row in results["rows"] if row["score"] == "top1_change"]
    results["scores"].pop("accuracy")
    text = " ".join("".join(Reader(save_page(results, outcomes, tmp_path).read_text()).text).split())
    assert "1 model on 40 frame pairs of" in text
    assert "changes its answer from one view to the next in 90.0 % [80.0, 95.0] of the cases of frames." in text
    assert "Classes" not in text


def test_pictures_that_were_deleted_are_left_out(tmp_path):
    results, outcomes = evaluation(["only"], tmp_path, {"crop": ("px", 2)})
    shutil.rmtree(tmp_path / "pictures")
    assert "<img" not in save_page(results, outcomes, tmp_path).read_text()


@pytest.mark.parametrize("linked", [False, True])
def test_no_file_of_the_machine_gets_into_the_page(tmp_path, linked):
    secret, folder = tmp_path / "secret", tmp_path / "results"
    secret.write_text("key")
    folder.mkdir()
    results, outcomes = evaluation(["only"], folder, {"crop": ("px", 2)})
    picture = folder / results["pictures"][0]["files"][1]
    if linked:
        picture.unlink()
        picture.symlink_to(secret)
    else:
        results["pictures"][0]["files"][1] = str(secret)
    with pytest.raises(UserError, match="name the picture .*, which lies outside"):
        save_page(results, outcomes, folder)
    assert not (folder / "report.html").exists()


def test_equal_results_make_equal_pages(tmp_path):
    results, outcomes = evaluation(["a", "b"], tmp_path, {"crop": ("px", 2)})
    first = save_page(copy.deepcopy(results), outcomes, tmp_path).read_bytes()
    assert save_page(results, outcomes, tmp_path).read_bytes() == first


def test_ten_models_stay_far_below_ten_megabytes(tmp_path):
    results, outcomes = evaluation([f"model{number}" for number in range(10)], tmp_path, {"sweep": ("px", 104)})
    assert save_page(results, outcomes, tmp_path).stat().st_size < 1_500_000


CLICKS = """
<script>
const table = document.querySelector("#overview"), seen = [];
const order = () => seen.push([...table.tBodies[0].rows].map(row => row.cells[0].dataset.value).join(" > "));
order();
for (const column of [1, 1, 0, 0]) { table.tHead.rows[0].cells[column].querySelector("button").click(); order(); }
const result = document.createElement("p");
result.id = "clicked";
result.textContent = seen.join(" | ") + " | " + table.tHead.rows[0].cells[0].getAttribute("aria-sort");
document.body.append(result);
const wide = [...document.querySelectorAll("body *")].filter(part => !part.closest(".scroll, svg"))
  .filter(part => part.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
result.dataset.wide = wide.map(part => part.tagName + "." + part.className).join(" ");
</script>
"""


def in_browser(path, tmp_path, width):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium to open the report in; apt-get install chromium")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path}/user",
    ]
    options += [f"--window-size={width},900", "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=3000"]
    done = subprocess.run(
        [browser, *options, "--dump-dom", f"file://{path}"], capture_output=True, text=True, timeout=180, check=True
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, console


@pytest.mark.parametrize("width", [500, 1280])
def test_in_a_browser_the_table_is_sorted_by_a_click(page, tmp_path, width):
    path = tmp_path / "clicked.html"
    path.write_text(page.replace("</body>", f"{CLICKS}</body>"), encoding="utf-8")
    dom, console = in_browser(path, tmp_path, width)
    assert console == []
    (attributes, text) = re.search(r'<p id="clicked"([^>]*)>([^<]*)</p>', dom).groups()
    one, odd, two, three = NAMES
    escaped = odd.replace("<", "&lt;").replace(">", "&gt;")
    # Accuracies are .9 for the first, .675, .75 and .825 for the others.
    upwards = [escaped, two, three, one]
    orders = [[one, escaped, two, three], upwards, upwards[::-1]]
    orders += [[escaped, three, one, two], [two, one, three, escaped]]
    assert text == " | ".join(" &gt; ".join(order) for order in orders) + " | descending"
    assert 'data-wide=""' in attributes  # nothing but tables, which scroll, is wider than the window


def test_an_error_in_the_page_would_be_seen(tmp_path):
    path = tmp_path / "broken.html"
    path.write_text("<!DOCTYPE html><title>x</title><script>nothing.at.all()</script>")
    _, console = in_browser(path, tmp_path, 500)
    assert any("nothing is not defined" in line for line in console)
