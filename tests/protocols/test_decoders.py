import numpy as np
import pytest
from PIL import Image

from lit_invariance.protocols.decoders import DECODERS

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_lossless_file_is_its_pixels_in_the_order_red_green_blue(decoder, tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    assert np.array_equal(DECODERS[decoder](tmp_path / "a.png"), PIXELS)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_photograph_is_turned_upright(decoder, tmp_path):
    """Orientation 6: the camera was held so that the stored top is the right side."""
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(stored).save(tmp_path / "a.jpg", exif=exif)
    upright = DECODERS[decoder](tmp_path / "a.jpg")
    assert upright.shape == (32, 16, 3)
    assert upright[:, 10:].min() > 240
    assert upright[:, :6].max() < 15


@pytest.mark.parametrize("decoder", DECODERS)
def test_what_is_no_picture_is_refused(decoder, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=f"{decoder} cannot decode it"):
        DECODERS[decoder](tmp_path / "a.jpg")
