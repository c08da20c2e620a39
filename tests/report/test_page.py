import copy
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from lit_invariance.errors import UserError
from lit_invariance.metrics import SCORES
from lit_invariance.report.page import save_page
from lit_invariance.results.outcomes import Answers, Outcomes

IMAGES = 40
VOID = {"meta", "link", "img", "br", "hr", "input", "wbr"}
PROTOCOLS = {"centre_crop": ("px", 1), "crop": ("px", 2), "sweep": ("px", 12), "shift_grid": ("shift", 9)}


def picture(protocol, views, folder):
    """A picture of image 7: views of 30 x 30 pixels that move to the right, or over a square."""
    side = 3 if protocol == "shift_grid" else 0
    places = [[n // side, n % side] if side else [0, n] for n in range(views)]
    size, file = [30 + places[-1][0], 30 + places[-1][1]], f"pictures/{protocol}_7.webp"
    Image.new("RGB", size[::-1], (200, 30, 30)).save(folder / file)
    shown = {"protocol": protocol, "index": 7, "name": "<b>.png", "file": file, "size": size, "window": [30, 30]}
    return shown | {"views": list(range(views)), "places": places, "worst": [0, 1]}


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
            pictures.append(picture(protocol, views, folder))
    cost = {"macs": 3_000_000, "latency_ms": 2.5, "peak_bytes": 4_000_000, "peak_method": "tensors", "batch": 8}
    cost |= {"device": "cpu", "memory_format": "channels_last", "threads": 1}
    model = {"source": "x.ckpt", "backbone": "tiny_resnet", "mitigations": ["blurpool"], "translation": None}
    model |= {"preprocessing": {"recipe": None, "crop_pct": None, "crop_mode": "center", "interpolation": "bilinear"}}
    model |= {"parameters": 1000, "image_size": 16, "cost": cost, "weights": None, "passes": 1}
    results = {
        "schema": 3,
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
    assert not re.search(r"url\((?!#|data:)", page)
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
    views = [attributes for tag, attributes in tags if attributes.get("class", "").startswith("view sheet")]
    assert len(views) == 3 * 2
    assert all(attributes["role"] == "img" and len(attributes["aria-label"]) > 20 for attributes in views)


def test_what_stands_in_it(page):
    text = " ".join("".join(Reader(page).text).split())
    both = "Changes 90 of 100 answers (80 to 95) from one view to the next and is right on 90 of 100 views (80 to 95)."
    assert f"baseline (reference) {both}" in text
    assert "less steady than baseline, no difference from baseline is shown in accuracy." in text
    assert "Against baseline: changed answers +2.0 points [-1.0, +5.0], corrected p < .001; accuracy +2.0" in text
    assert "less steady under 3 of 3 protocols" in text
    assert "Better or worse than baseline?" in text
    assert "▼ worse" in text
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
    assert "only (reference) Is right on 90 of 100 views (80 to 95)." in text
    for heading in ("Look at a failure", "Heat maps", "difference from", "Cost of one view", "Better or worse"):
        assert heading not in text


def test_a_model_at_chance_is_marked_where_it_is(tmp_path):
    results, outcomes = evaluation(["only", "other"], tmp_path, {"centre_crop": ("px", 1), "crop": ("px", 2)})
    results["at_chance"] = {"crop": ["other"]}
    written = save_page(results, outcomes, tmp_path).read_text()
    assert written.count(" data-last ") == 2  # of its stability, in the comparison and in the protocol's table
    text = " ".join("".join(Reader(written).text).split())
    start = text.index("Click a heading")
    assert text[start : text.index("Cost of one view", start)].count("at chance") == 1
    first = text[: text.index("Comparison", text.index("In short"))]
    assert "other at chance under crop At chance: not shown to be more accurate than always giving the most" in first
    assert "steadier" not in first


@pytest.mark.parametrize(("classes", "folded"), [(8, False), (9, True)])
def test_classes_of_fewer_than_five_images_are_folded(tmp_path, classes, folded):
    results, outcomes = evaluation(["only"], tmp_path, {"centre_crop": ("px", 1)})
    results |= {"groups": [], "group_rows": [], "class_names": []}
    page = save_page(results, replace(outcomes, labels=np.arange(IMAGES) % classes), tmp_path).read_text()
    part = page.partition('<section id="classes">')[2].partition("</section>")[0]
    assert ("<details>" in part) is folded
    assert part.count("<tr>") == 1 + classes


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
    assert "Changes 90 of 100 answers (80 to 95) from one frame to the next." in text
    assert "Classes" not in text


def test_of_pictures_that_were_deleted_the_answers_are_left(tmp_path):
    results, outcomes = evaluation(["only"], tmp_path, {"crop": ("px", 2)})
    shutil.rmtree(tmp_path / "pictures")
    page = save_page(results, outcomes, tmp_path).read_text()
    assert "image/webp" not in page
    assert page.count(">The picture is not part of this report.</div>") == 2
    assert '"kept": false' in page


@pytest.mark.parametrize("linked", [False, True])
def test_no_file_of_the_machine_gets_into_the_page(tmp_path, linked):
    secret, folder = tmp_path / "secret", tmp_path / "results"
    secret.write_text("key")
    folder.mkdir()
    results, outcomes = evaluation(["only"], folder, {"crop": ("px", 2)})
    picture = folder / results["pictures"][0]["file"]
    if linked:
        picture.unlink()
        picture.symlink_to(secret)
    else:
        results["pictures"][0]["file"] = str(secret)
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


ORDER = "[...document.querySelector('#overview').tBodies[0].rows].map(row => row.cells[0].dataset.value)"
WIDER = """[...document.querySelectorAll("body *")].filter(part => !part.closest(".scroll, svg"))
  .filter(part => part.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(part => part.tagName + "." + part.className)"""


def test_the_table_is_sorted_by_a_click(browser, folder):
    browser.open(folder / "report.html")
    one, odd, two, three = NAMES
    assert browser.value(ORDER) == [one, odd, two, three]
    # Accuracies are .9 for the first, .675, .75 and .825 for the others.
    upwards = [odd, two, three, one]
    for column, order in ((2, upwards), (2, upwards[::-1]), (1, [odd, three, one, two]), (1, [two, one, three, odd])):
        browser.click(f"#overview th:nth-child({column}) button")
        assert browser.value(ORDER) == order
    heading = "document.querySelector('#overview th').getAttribute('aria-sort')"
    assert browser.value(heading) == "descending"
    assert browser.complaints == []


def test_a_model_at_chance_is_last_however_steady(browser, folder):
    browser.open(folder / "report.html")
    one, odd, two, three = NAMES
    browser.value("document.querySelector('#overview').tBodies[0].rows[1].cells[2].dataset.last = ''")
    orders = ((3, [two, three, one, odd]), (3, [one, three, two, odd]), (2, [odd, two, three, one]))
    for column, order in orders:
        browser.click(f"#overview th:nth-child({column}) button")
        assert browser.value(ORDER) == order


@pytest.mark.parametrize("width", [420, 1280, 1400])
def test_nothing_but_tables_is_wider_than_the_window(browser, folder, width):
    browser.open(folder / "report.html", width)
    assert browser.value(WIDER) == []


def test_the_comparison_of_five_protocols_fits_with_its_costs(browser, tmp_path):
    protocols = {"centre_crop": ("px", 1)} | dict.fromkeys(("crop", "embed_black", "embed_inpaint", "x"), ("px", 2))
    browser.open(save_page(*evaluation(NAMES, tmp_path, protocols), tmp_path), 1400)
    assert browser.value("document.querySelector('#overview').offsetWidth < 1400 - 2 * 16")
    assert "peak memory" in browser.texts("#overview th")[-1 - len(NAMES)]


def test_figures_are_as_large_as_they_were_drawn(browser, folder):
    browser.open(folder / "report.html", 1400)
    widths = browser.value("[...document.querySelectorAll('.panels svg')].map(figure => figure.clientWidth)")
    assert len(widths) == 3 + 4
    assert min(widths) > 300


def test_an_error_in_the_page_would_be_seen(browser, tmp_path):
    path = tmp_path / "broken.html"
    path.write_text("<!DOCTYPE html><title>x</title><script>nothing.at.all()</script>")
    browser.open(path)
    assert "nothing is not defined" in str(browser.complaints)


def test_no_script_but_its_own_runs(browser, folder, tmp_path):
    """What should ever get past the escaping is stopped by the page's policy."""
    path = tmp_path / "attacked.html"
    page = (folder / "report.html").read_text(encoding="utf-8")
    attack = "<script>window.attacked = 1</script><img src=x onerror='window.attacked = 2'></body>"
    path.write_text(page.replace("</body>", attack), encoding="utf-8")
    browser.open(path)
    assert browser.value("window.attacked") is None
    assert "Content Security Policy" in str(browser.complaints)
    assert browser.texts("#explorer .answers tbody tr")  # ours ran
