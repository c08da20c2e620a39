import sys

import numpy as np
import pytest
from PIL import Image

from lit_invariance.experiments.gallery import gallery
from lit_invariance.parser import run_command


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (300, 280, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_one_picture_for_each_protocol(photo, tmp_path, capsys):
    gallery([str(photo), "--output", str(tmp_path / "out"), "--protocols", "paper", "shift_grid"])
    names = {path.stem for path in (tmp_path / "out").iterdir()}
    assert {"centre_crop", "crop", "embed_black", "scale_black", "shift_grid"} <= names
    with Image.open(tmp_path / "out" / "embed_black.jpg") as picture:
        assert picture.width > 2 * picture.height  # two views and their difference
    assert str(tmp_path / "out") in capsys.readouterr().out


def test_a_missing_photo_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gallery", "nowhere.jpg"])
    with pytest.raises(SystemExit) as leave:
        run_command(gallery)
    assert leave.value.code == 2
    told = capsys.readouterr().err
    assert "nowhere.jpg" in told
    assert "Traceback" not in told
