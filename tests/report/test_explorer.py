import io
import json

import numpy as np
import pytest
from PIL import Image

from lit_invariance.report.explorer import explored
from lit_invariance.report.page import save_page
from lit_invariance.results.outcomes import Answers, Outcomes
from tests.report.test_page import evaluation

NAMES = ["cat, domestic", "dog", "</script><b>owl"]
# A line of views that stand below one another, the first two of them not kept; and a grid, not in reading order.
LINE = {"protocol": "size_sweep", "views": [2, 3, 4, 5], "places": [[16 * n, 0] for n in range(4)], "worst": [3, 4]}
GRID = {"protocol": "rings", "views": [0, 1, 2, 3], "places": [[1, 0], [0, 2], [0, 0], [1, 2]], "worst": [1, 2]}
SAID = {
    ("a", "size_sweep"): [1, 1, 0, 0, 2, 0],
    ("b", "size_sweep"): [1, 1, 0, 1, 1, 0],
    ("a", "rings"): [0, 1, 2, 0],
    ("b", "rings"): [0, 0, 0, 1],
}


def colours(shades):
    """Views below one another, each of one shade of grey."""
    return Image.fromarray(np.repeat(np.uint8(shades), 16)[:, None, None].repeat(16, 1).repeat(3, 2))


def evaluated(folder):
    """Results of image 1 of three, of class 0, and outcomes with the answers of `SAID`, whose certainty rises by .1."""
    results, _ = evaluation(["a", "b"], folder, {"size_sweep": ("px", 6), "rings": ("px", 4)})
    results |= {"class_names": NAMES, "images": 3, "groups": [], "group_rows": []}
    colours([0, 80, 160, 240]).save(folder / "pictures" / "line.webp", lossless=True)
    Image.new("RGB", (18, 17), (200, 30, 30)).save(folder / "pictures" / "grid.webp")
    line = LINE | {"file": "pictures/line.webp", "size": [64, 16]}
    grid = GRID | {"file": "pictures/grid.webp", "size": [17, 18]}
    results["pictures"] = [{"index": 1, "name": "x.png", "window": [16, 16]} | one for one in (line, grid)]
    answers = {}
    for cell, said in SAID.items():
        sure = np.arange(3, 3 + len(said), dtype=np.float32)[None] / 10
        truth = np.where(np.array([said]) == 0, sure, 0.05).astype(np.float32)
        answers[cell] = Answers(*(np.repeat(part, 3, 0) for part in (np.array([said], np.int32), sure, truth)))
    columns = {(row["model"], row["protocol"], row["score"]): np.zeros(3) for row in results["rows"]}
    return results, Outcomes(np.arange(3), np.zeros(3, np.int64), columns, answers)


@pytest.fixture
def written(tmp_path):
    return evaluated(tmp_path)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explored")
    return save_page(*evaluated(folder), folder)


def test_a_line_by_hand(written):
    results, outcomes = written
    assert explored(results, outcomes, results["pictures"][0], True) == {
        "kept": True,
        "size": [64, 16],
        "window": [16, 16],
        "places": [[0, 0], [16, 0], [32, 0], [48, 0]],
        "columns": 0,
        "axes": [["2 px", "3 px", "4 px", "5 px"]],
        "start": 2,
        "labelled": True,
        "names": ["cat", "dog", "</script><b>owl"],
        "models": [
            {"said": [0, 0, 2, 0], "sure": [500, 600, 700, 800], "truth": [500, 600, 50, 800]},
            {"said": [0, 1, 1, 0], "sure": [500, 600, 700, 800], "truth": [500, 50, 50, 800]},
        ],
    }


def test_it_starts_where_the_reference_fails(written):
    results, outcomes = written
    line = results["pictures"][0]
    for pair, start in (([3, 4], 2), ([4, 5], 2), ([2, 3], 0)):  # "a" is wrong at 4, and less sure at 2 than at 3
        assert explored(results, outcomes, line | {"worst": pair}, True)["start"] == start


def test_a_grid_by_hand(written):
    results, outcomes = written
    shown = explored(results, outcomes, results["pictures"][1], True)
    assert shown["places"] == [[0, 0], [0, 2], [1, 0], [1, 2]]  # from the top left, row by row
    assert (shown["columns"], shown["start"]) == (2, 0)
    assert shown["axes"] == [["-0.5 px down", "+0.5 px down"], ["-1 px right", "+1 px right"]]
    assert [model["said"] for model in shown["models"]] == [[2, 1, 0, 0], [0, 0, 0, 1]]


def test_without_labels_the_most_frequent_answer_comes_first(written):
    results, outcomes = written
    results["scores"].pop("accuracy")
    shown = explored(results, outcomes, results["pictures"][0], True)
    assert shown["names"] == ["cat", "dog", "</script><b>owl"]
    assert (shown["labelled"], shown["models"][0]["truth"]) == (False, [])


@pytest.fixture
def opened(browser, page):
    browser.open(page, 900)
    yield browser
    assert browser.complaints == []


def answers(browser):
    """For each model its mark, answer and certainty."""
    cells = "#explorer .answers tbody td:not(:first-child)"
    return list(zip(*[iter(browser.texts(cells))] * 2, strict=True))


def shade(browser):
    """The grey that the view shows in its middle."""
    x, y = browser.place("#explorer .view")
    browser.picture(path := browser.folder / "shot.png")
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        return picture.getpixel((round(x), round(y)))[0]


def test_it_begins_with_the_failure(opened):
    assert answers(opened) == [("✗ </script><b>owl", "70 %"), ("✗ dog", "70 %")]
    assert opened.texts("#explorer output") == ["4 px: 0 of 2 right"]
    assert shade(opened) == pytest.approx(160, abs=3)


def test_arrow_keys_move_the_view_and_the_answers(opened):
    opened.value("document.querySelector('#explorer input').focus()")
    opened.key("ArrowRight")
    assert answers(opened) == [("✓ cat", "80 %"), ("✓ cat", "80 %")]
    assert shade(opened) == pytest.approx(240, abs=3)
    for _ in range(2):
        opened.key("ArrowLeft")
    assert answers(opened) == [("✓ cat", "60 %"), ("✗ dog", "60 %")]
    assert opened.value("document.activeElement.getAttribute('aria-valuetext')") == "3 px"
    assert "at 3 px" in opened.value("document.querySelector('#explorer .view').getAttribute('aria-label')")
    assert shade(opened) == pytest.approx(80, abs=3)


def test_the_slider_is_dragged(opened):
    opened.drag("#explorer input", 2 / 3, 0.01)
    assert opened.texts("#explorer output") == ["2 px: 2 of 2 right"]
    assert answers(opened) == [("✓ cat", "50 %"), ("✓ cat", "50 %")]
    assert shade(opened) == pytest.approx(0, abs=3)


def test_a_place_of_the_curve_is_pointed_at(opened):
    opened.click("#explorer .plot svg", 0.3, 0.5)
    assert opened.texts("#explorer output") == ["3 px: 1 of 2 right"]
    opened.mouse("mouseMoved", opened.place("#explorer .plot svg", 0.99))
    assert opened.texts("#explorer output") == ["5 px: 2 of 2 right"]


def test_another_picture_is_chosen_by_key_and_its_map_is_pointed_at(opened):
    opened.value("document.querySelector('#explorer select').focus()")
    opened.key("ArrowDown")
    assert opened.texts("#explorer output") == ["-0.5 px down, -1 px right: 1 of 2 right"]
    assert answers(opened) == [("✗ </script><b>owl", "50 %"), ("✓ cat", "50 %")]
    opened.click("#explorer .plot figure:nth-child(2) canvas", 0.8, 0.8)
    assert opened.texts("#explorer output") == ["+0.5 px down, +1 px right: 1 of 2 right"]
    assert answers(opened) == [("✓ cat", "60 %"), ("✗ dog", "60 %")]
    # The second slider is that of the columns.
    opened.value("document.querySelectorAll('#explorer input')[1].focus()")
    opened.key("ArrowLeft")
    assert opened.texts("#explorer output") == ["+0.5 px down, -1 px right: 2 of 2 right"]
    position = opened.value("document.querySelector('#explorer .view').style.backgroundPosition")
    assert position == "0% 100%"


def test_the_map_has_the_colour_of_each_answer(opened):
    opened.value("document.querySelector('#explorer select').focus()")
    opened.key("ArrowDown")
    read = "[...canvas.getContext('2d').getImageData(0, 0, 2, 2).data]"
    seen = opened.value(f"[...document.querySelectorAll('#explorer canvas')].map(canvas => {read})")
    green, red, blue = [0, 158, 115, 255], [213, 94, 0, 255], [0, 114, 178, 255]
    assert seen == [[*blue, *red, *green, *green], [*green, *green, *green, *red]]


def test_names_of_the_user_stay_text(page):
    text = page.read_text(encoding="utf-8")
    assert "</script><b>" not in text
    data = text.partition('id="explored">')[2].partition("</script>")[0]
    assert json.loads(data)[0]["names"][2] == "</script><b>owl"
