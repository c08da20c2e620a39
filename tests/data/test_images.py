import mmap
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from lit_invariance.data import images
from lit_invariance.data.images import EXTENSIONS, decode, decoded_size
from lit_invariance.errors import UserError

RED = (200, 30, 10)


def picture(size: tuple[int, int] = (6, 4)) -> Image.Image:
    return Image.new("RGB", size, RED)


def save(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.webp", "a.gif", "a.ppm"])
def test_every_format_gives_the_same_pixels(tmp_path: Path, name: str) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    decoded = decode(save(picture(), tmp_path / name, **options))
    assert decoded.dtype == torch.uint8
    assert decoded.shape == (3, 4, 6)
    assert decoded[:, 2, 3].tolist() == list(RED)


def test_pixels_stand_where_they_stood(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    decoded = decode(save(Image.fromarray(pixels), tmp_path / "a.png"))
    assert (decoded.numpy() == pixels.transpose(2, 0, 1)).all()


def test_greyscale_is_repeated(tmp_path: Path) -> None:
    for mode, value in (("L", 90), ("1", 1)):
        decoded = decode(save(Image.new(mode, (3, 2), value), tmp_path / f"{mode}.png"))
        assert decoded.unique().tolist() == [90 if mode == "L" else 255]
        assert decoded.shape == (3, 2, 3)


def test_palette_is_looked_up(tmp_path: Path) -> None:
    decoded = decode(save(picture().convert("P", palette=Image.Palette.ADAPTIVE), tmp_path / "a.png"))
    assert decoded[:, 0, 0].tolist() == list(RED)


def test_cmyk_is_converted(tmp_path: Path) -> None:
    decoded = decode(save(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), tmp_path / "a.jpg", quality=95))
    red, green, blue = decoded[:, 4, 4].tolist()
    assert red > 240
    assert max(green, blue) < 20


def test_transparency_lies_over_black(tmp_path: Path) -> None:
    image = Image.new("RGBA", (2, 1), (200, 100, 50, 128))
    image.putpixel((1, 0), (255, 255, 255, 0))
    decoded = decode(save(image, tmp_path / "a.png"))
    assert decoded[:, 0, 1].tolist() == [0, 0, 0]
    assert decoded[:, 0, 0].tolist() == pytest.approx([100, 50, 25], abs=1)
    indexed = picture().convert("P", palette=Image.Palette.ADAPTIVE)
    assert decode(save(indexed, tmp_path / "b.png", transparency=indexed.getpixel((0, 0)))).max() == 0
    assert decode(save(Image.new("LA", (2, 2), (200, 0)), tmp_path / "c.png")).max() == 0


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, name: str) -> None:
    values = np.array([[0, 128, 129, 257 * 77, 40000, 65535]], dtype=np.uint16)
    decoded = decode(save(Image.fromarray(values), tmp_path / name))
    assert decoded[0, 0].tolist() == [0, 0, 1, 77, round(40000 / 257), 255]


@pytest.mark.parametrize("values", [[[0.0, 1.0]], [[0, 70000]]])
def test_numbers_without_a_range_are_refused(tmp_path: Path, values: list[list[float]]) -> None:
    dtype = np.float32 if isinstance(values[0][0], float) else np.int32
    path = save(Image.fromarray(np.array(values, dtype=dtype)), tmp_path / "a.tif")
    with pytest.raises(UserError, match=r"a\.tif.*8 or 16 bits"):
        decode(path)


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (6, 4))
    image.putpixel((0, 0), RED)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it turned 90 degrees clockwise
    decoded = decode(save(image, tmp_path / "a.png", exif=exif))
    assert decoded.shape == (3, 6, 4)
    assert decoded[:, 0, 3].tolist() == list(RED)


def test_one_pixel_is_a_picture(tmp_path: Path) -> None:
    assert decode(save(picture((1, 1)), tmp_path / "a.png")).shape == (3, 1, 1)


def _text(path: Path) -> None:
    path.write_text("not a picture")


def _empty(path: Path) -> None:
    path.touch()


def _cut_off(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _damaged(path: Path) -> None:
    _cut_off(path)
    data = bytearray(path.read_bytes())
    data[16:24] = b"\xff" * 8
    path.write_bytes(data)


def _missing(path: Path) -> None:
    return


@pytest.mark.parametrize("spoil", [_text, _empty, _cut_off, _damaged, _missing])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.bmp", "a.gif"])
def test_broken_files_are_named(tmp_path: Path, name: str, spoil: object) -> None:
    path = tmp_path / name
    spoil(path)  # type: ignore[operator]
    with pytest.raises(UserError, match="replace or remove") as caught:
        decode(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_the_formats_we_mean_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", start)
    path = tmp_path / "postscript.jpg"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")
    Image.init()
    with Image.open(path) as image:
        assert image.format == "EPS"  # what it would be, were all formats tried
    with pytest.raises(UserError, match="no picture in a known format"):
        decode(path)


@pytest.mark.parametrize("name", ["a.avif", "a.jp2"])
def test_newer_formats(tmp_path: Path, name: str) -> None:
    if name.endswith("avif") and ".avif" not in Image.registered_extensions():
        pytest.skip("this Pillow reads no AVIF")
    path = save(picture((32, 16)), tmp_path / name)
    assert decode(path)[:, 8, 8].tolist() == pytest.approx(list(RED), abs=6)
    assert path.suffix in EXTENSIONS


def test_several_pictures_in_one_file_give_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"  # as phones write, in a format of its own
    picture((16, 16)).save(path, format="MPO", save_all=True, append_images=[Image.new("RGB", (16, 16))])
    assert decode(path)[0].float().mean() > 180


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("by zero"), TypeError(), NotImplementedError("later"), MemoryError()]
)
def test_whatever_a_reader_raises_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("PIL.ImageOps.exif_transpose", fail)  # as Pillow 11 does on an orientation of 0 / 0
    path = save(picture(), tmp_path / "a.png")
    with pytest.raises(UserError, match=f"cannot read the image {path} .*{error or type(error).__name__}"):
        decode(path)


def test_a_picture_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = save(Image.new("1", (2**14, 2**13 + 1)), tmp_path / "a.png")
    with pytest.raises(
        UserError, match=r"16384 x 8193 pixels may take more than 4 GiB of memory; the limit is 134 meg"
    ):
        decode(path)
    data = bytearray(save(picture(), tmp_path / "b.bmp").read_bytes())
    data[18:26] = struct.pack("<ii", 100_000, 100_000)
    (tmp_path / "b.bmp").write_bytes(data)
    with pytest.raises(UserError, match="may take more than 4 GiB"):
        decode(tmp_path / "b.bmp")


def test_twelve_bits_in_sixteen_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lit_invariance.data.images._warned", bytearray(1))
    ramp = np.tile(np.linspace(0, 4095, 64).astype(np.uint16), (4, 1))
    paths = [save(Image.fromarray(ramp), tmp_path / name) for name in ("a.png", "b.png")]
    with pytest.warns(UserWarning, match=r"a\.png has 16 bits but uses only the darkest sixteenth") as caught:
        decoded = [decode(path) for path in paths]
    assert len(caught) == 1
    assert decoded[0].max() == 16


def test_a_dark_picture_of_eight_bits_is_no_matter(tmp_path: Path) -> None:
    assert decode(save(Image.new("L", (3, 2), 9), tmp_path / "a.png")).max() == 9


def test_the_size_is_that_of_the_decoded(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    path = save(picture(), tmp_path / "a.jpg", exif=exif)
    assert decoded_size(path) == tuple(reversed(decode(path).shape[1:])) == (4, 6)


@pytest.mark.filterwarnings("ignore:the picture")
def test_workers_that_were_forked_warn_together_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lit_invariance.data.images._warned", mmap.mmap(-1, 1))
    path = save(Image.fromarray(np.full((4, 4), 2000, np.uint16)), tmp_path / "a.png")
    assert len(list(DataLoader([str(path)], batch_size=None, num_workers=1, collate_fn=decode))) == 1
    assert images._warned[0] == 1


def smooth(width: int, height: int) -> np.ndarray:
    down, right = np.mgrid[:height, :width] / 200
    channels = [np.sin(right), np.cos(down), np.sin(right + down)]
    return (127 + 100 * np.stack(channels, axis=-1)).astype(np.uint8)


@pytest.mark.parametrize(("least", "fraction"), [(901, 1), (900, 1), (450, 2), (226, 2), (225, 4), (20, 8)])
def test_a_jpeg_comes_out_at_the_smallest_fraction_that_is_large_enough(
    tmp_path: Path, least: int, fraction: int
) -> None:
    Image.fromarray(smooth(1200, 900)).save(tmp_path / "a.jpg", quality=95)
    whole, reduced = decode(tmp_path / "a.jpg"), decode(tmp_path / "a.jpg", least)
    assert whole.shape == (3, 900, 1200)
    assert reduced.shape[1:] == (-(-900 // fraction), -(-1200 // fraction))
    rows, columns = 900 // fraction, 1200 // fraction
    blocks = whole[:, : rows * fraction, : columns * fraction].float().unflatten(2, (columns, fraction))
    means = blocks.unflatten(1, (rows, fraction)).mean((2, 4))
    assert (means - reduced[:, :rows, :columns]).abs().max() < 4


def test_other_formats_come_out_whole(tmp_path: Path) -> None:
    Image.fromarray(smooth(300, 200)).save(tmp_path / "a.png")
    assert decode(tmp_path / "a.png", 20).shape == (3, 200, 300)
