import pytest

from lit_invariance.report.published import format_published, published_rows


def compared(weights="IMAGENET1K_V1", whole=True, backbone="torchvision/vgg16", mitigations=()):
    row = {"model": "net", "protocol": "crop", "score": "top1_change", "mean": 0.06, "low": 0.05, "high": 0.075}
    share = row | {"protocol": "released_script(share=1.6)", "mean": 0.15, "low": 0.13, "high": 0.17}
    change = row | {"score": "mean_absolute_change", "mean": 0.04, "low": 0.03, "high": 0.05}
    return {
        "models": [{"name": "net", "backbone": backbone, "weights": weights, "mitigations": list(mitigations)}],
        "protocols": [
            {"label": "crop", "name": "crop", "options": {}},
            {"label": "crop(shift_in=network)", "name": "crop", "options": {"shift_in": "network"}},
            {"label": share["protocol"], "name": "released_script", "options": {"share": 1.6}},
        ],
        "scores": {"top1_change": {"unit": "share"}, "mean_absolute_change": {"unit": "probability"}},
        "data": {"imagenet_validation": whole},
        "rows": [row, change, share],
    }


def rows_of_the_paper(results):
    return [row for row in published_rows(results) if row["source"].endswith("Table 1")]


def test_published_stands_beside_measured():
    change, absolute = rows_of_the_paper(compared())
    assert (change["protocol"], change["score"], change["measured"], change["published"]) == (
        "crop",
        "top1_change",
        0.06,
        0.062,
    )
    assert change["half_width"] == pytest.approx(1.96 * (0.062 * 0.938 / 1000) ** 0.5, abs=1e-5)
    assert change["not_comparable_because"] is None
    assert (absolute["published"], absolute["half_width"]) == (0.038, None)
    script = [row for row in published_rows(compared()) if row["protocol"] == "released_script(share=1.6)"]
    assert [row["published"] for row in script] == [0.156]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"whole": False}, "not the ILSVRC2012 validation set"),
        ({"weights": None}, "does not have the weights"),
        ({"weights": "IMAGENET1K_V2"}, "does not have the weights"),
        ({"mitigations": ["blurpool"]}, "is mitigated"),
    ],
)
def test_comparable_only_on_the_same_pictures_and_weights(changed, words):
    assert all(words in row["not_comparable_because"] for row in rows_of_the_paper(compared(**changed)))


def test_keras_numbers_are_never_comparable():
    keras = [row for row in published_rows(compared()) if "Keras" in row["source"]]
    assert keras
    assert all("weights" in row["not_comparable_because"] for row in keras)


def test_printed_in_the_papers_layout():
    lines = format_published(compared()).splitlines()
    assert lines[:4] == [
        "Azulay & Weiss, JMLR 20(184), 2019, Table 1: measured (published)",
        "                            net",
        "top1_change, crop           0.060 (0.062 +- 0.015)",
        "mean_absolute_change, crop  0.040 (0.038)",
    ]
    assert "not comparable" not in "".join(lines[:4])
    assert "not comparable: the pictures are not" in format_published(compared(whole=False))


def test_nothing_is_said_of_networks_nobody_published():
    assert format_published(compared(backbone="torchvision/mnasnet1_0")) == ""
