import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from lit_invariance.experiments.gallery import gallery


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


def test_a_missing_photo_is_one_sentence():
    command = [sys.executable, "-m", "lit_invariance.experiments.gallery", "nowhere.jpg"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 2
    assert "nowhere.jpg" in answer.stderr
    assert "Traceback" not in answer.stderr
