import pytest

from tests.report.browser import Browser, find_browser

SCORES = {
    "accuracy": ("share", True),
    "top1_change": ("share", False),
    "mean_absolute_change": ("probability", False),
    "agreement": ("share", True),
}
MODELS = {"baseline": 0.80, "aa_resnet50": 0.79, "aug_resnet50": 0.81, "a_very_long_name_of_a_run_that_was_tuned": 0.7}
PROTOCOLS = {"centre_crop": 1, "crop": 2, "embed_black": 2, "scale_black(min_side=80)": 2}

MODEL = {
    "source": "tiny_resnet",
    "backbone": "tiny_resnet",
    "weights": None,
    "mitigations": [],
    "translation": None,
    "parameters": 1000,
    "image_size": 16,
    "preprocessing": {"recipe": None, "crop_pct": None, "crop_mode": "center", "interpolation": "bilinear"},
    "cost": None,
    "passes": 1,
}


def make_row(model, protocol, score, place):
    value = MODELS[model] if SCORES[score][1] else 0.3 - 0.05 * place - 0.01 * len(protocol)
    row = {"model": model, "protocol": protocol, "score": score, "mean": value, "low": value - 0.03}
    row |= {"high": value + 0.035, "difference": None, "difference_low": None, "difference_high": None}
    row |= {"p": None, "p_holm": None}
    if place:
        low = -0.02 * place
        row |= {"difference": low + 0.015, "difference_low": low, "difference_high": low + 0.03}
        row |= {"p": 0.01 / place, "p_holm": 0.1 / place**2}
    return row


@pytest.fixture
def results():
    return {
        "schema": 3,
        "command": [],
        "versions": {},
        "device": "cpu",
        "precision": "32-true",
        "seed": 0,
        "level": 0.95,
        "images": 650,
        "data": {},
        "reference": "baseline",
        "class_names": [],
        "models": [MODEL | {"name": name} for name in MODELS],
        "protocols": [
            {
                "label": label,
                "name": label.partition("(")[0],
                "options": {},
                "unit": "px",
                "steps": list(map(float, range(views))),
                "headline": [*SCORES, "agreement_of_another_protocol"],
            }
            for label, views in PROTOCOLS.items()
        ],
        "scores": {name: {"unit": unit, "higher_is_better": up} for name, (unit, up) in SCORES.items()},
        "rows": [
            make_row(model, protocol, score, place)
            for place, model in enumerate(MODELS)
            for protocol, views in PROTOCOLS.items()
            for score in SCORES
            if views > 1 or score == "accuracy"
        ],
        "groups": [],
        "group_rows": [],
        "pictures": [],
    }


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium to open the report in; apt-get install chromium")
    browser = Browser(program, tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()
