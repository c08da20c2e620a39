import numpy as np
import pytest
from PIL import Image

from lit_invariance.protocols.decoders import DECODERS

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_lossless_file_is_its_pixels_in_the_order_red_green_blue(decoder, tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    assert np.array_equal(DECODERS[decoder].decode(tmp_path / "a.png"), PIXELS)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_photograph_is_turned_upright(decoder, tmp_path):
    """Orientation 6: the camera was held so that the stored top is the right side."""
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(stored).save(tmp_path / "a.jpg", exif=exif)
    upright = DECODERS[decoder].decode(tmp_path / "a.jpg")
    assert upright.shape == (32, 16, 3)
    assert upright[:, 10:].min() > 240
    assert upright[:, :6].max() < 15


@pytest.mark.parametrize("decoder", DECODERS)
def test_what_is_no_picture_is_refused(decoder, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=f"{decoder} cannot decode it"):
        DECODERS[decoder].decode(tmp_path / "a.jpg")


@pytest.mark.parametrize("decoder", DECODERS)
def test_what_a_decoder_says_that_it_reads_it_reads(decoder, tmp_path):
    known = set()
    for ending in ("jpg", "png", "gif", "webp", "bmp", "tif", "ppm"):
        file = tmp_path / f"a.{ending}"
        Image.fromarray(PIXELS).save(file)
        if DECODERS[decoder].reads(file):
            known.add(ending)
            assert DECODERS[decoder].decode(file).shape == PIXELS.shape
    (tmp_path / "no.jpg").write_bytes(b"no picture")
    assert not DECODERS[decoder].reads(tmp_path / "no.jpg")
    assert known >= ({"jpg", "png", "gif", "webp"} if decoder == "torchvision" else {"jpg", "png", "bmp", "tif", "ppm"})


@pytest.mark.parametrize("decoder", DECODERS)
def test_sixteen_bits_become_eight(decoder, tmp_path):
    grey = PIXELS[:, :, 0]
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "a.png")
    assert np.array_equal(DECODERS[decoder].decode(tmp_path / "a.png"), np.repeat(grey[:, :, None], 3, 2))


@pytest.mark.parametrize("decoder", DECODERS)
def test_of_an_animation_the_first_picture_is_taken(decoder, tmp_path):
    frames = [Image.new("RGB", (9, 6), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    if DECODERS[decoder].reads(tmp_path / "a.gif"):
        assert DECODERS[decoder].decode(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]
