import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lit_invariance.data.images import decode

RAMP = np.linspace(0, 4095, 64).astype(np.uint16)[None]
EXPECTED = np.rint(RAMP[0] / 4095 * 255).astype(int).tolist()


def with_chunk(path: Path, name: bytes, content: bytes) -> Path:
    """Put a chunk behind the head of a PNG file."""
    data, chunk = path.read_bytes(), name + content
    head = 8 + 25
    made = struct.pack(">I", len(content)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(data[:head] + made + data[head:])
    return path


def saved(values: np.ndarray, path: Path, **options: object) -> Path:
    Image.fromarray(values.astype(np.uint16)).save(path, **options)
    return path


def test_png_whose_significant_bits_stand_low(tmp_path: Path) -> None:
    path = with_chunk(saved(RAMP, tmp_path / "a.png"), b"sBIT", b"\x0c")
    assert decode(path)[0, 0].tolist() == EXPECTED


def test_png_whose_significant_bits_are_scaled_up_as_the_standard_wants(tmp_path: Path) -> None:
    path = with_chunk(saved(RAMP * 16, tmp_path / "a.png"), b"sBIT", b"\x0c")
    assert decode(path)[0, 0].tolist() == pytest.approx(EXPECTED, abs=1)
    dark = with_chunk(saved(RAMP // 16 * 16 // 16 * 16, tmp_path / "b.png"), b"sBIT", b"\x0c")
    with pytest.warns(UserWarning, match="16 bits"):
        assert decode(dark).max() == 16


@pytest.fixture(autouse=True)
def _not_yet_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lit_invariance.data.images._warned", bytearray(1))


def test_tiff_that_says_its_largest_value(tmp_path: Path) -> None:
    assert decode(saved(RAMP, tmp_path / "a.tif", tiffinfo={281: 4095}))[0, 0].tolist() == EXPECTED


def test_tiff_of_twelve_bits_packed(tmp_path: Path) -> None:
    """Two values in three bytes, written by hand: little-endian, one strip, black is zero."""
    pairs = RAMP[0].astype(int).reshape(-1, 2)
    pixels = b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs.tolist())
    tags = [(256, 4, 64), (257, 4, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1), (278, 4, 1)]
    tags.append((279, 4, len(pixels)))
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    content = struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels
    (tmp_path / "a.tif").write_bytes(content + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0))
    assert decode(tmp_path / "a.tif")[0, 0].tolist() == EXPECTED


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_in_which_zero_is_white(tmp_path: Path, dtype: type) -> None:
    top = np.iinfo(dtype).max
    values = np.array([[0, top // 5, top]], dtype=dtype)
    Image.fromarray(values).save(tmp_path / "a.tif", tiffinfo={262: 0})
    # Pillow inverts 8 bits both when it writes and when it reads, and 16 bits not at all.
    expected = [0, 51, 255] if dtype is np.uint8 else [255, 204, 0]
    assert decode(tmp_path / "a.tif")[0, 0].tolist() == expected
