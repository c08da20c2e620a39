import os
import subprocess
import sys
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image

from lit_invariance.data.video import Film
from lit_invariance.errors import UserError


def test_frames_of_a_file_are_rgb_in_order(tmp_path, write_film):
    frames = list(Film(write_film(tmp_path / "film.avi", 20)))
    assert len(frames) == 20
    for number, frame in enumerate(frames):
        assert (frame.shape, frame.dtype) == ((3, 48, 64), torch.uint8)
        red, green, blue = frame.float().mean((1, 2)).tolist()
        assert (red, green, blue) == pytest.approx((250 - 8 * number, 60, 8 * number), abs=4)  # JPEG's loss


def test_a_film_can_be_watched_twice(tmp_path, write_film):
    film = Film(write_film(tmp_path / "film.avi", 3))
    for first, second in zip(film, film, strict=True):
        assert torch.equal(first, second)


def test_a_folder_is_in_natural_order(tmp_path):
    for number in (10, 2, 1, 33):
        Image.new("RGB", (5, 4), (number, 0, 0)).save(tmp_path / f"frame{number}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    Image.new("RGB", (5, 4)).save(tmp_path / ".hidden.png")
    assert [frame[0, 0, 0].item() for frame in Film(tmp_path)] == [1, 2, 10, 33]


def test_digits_that_are_no_numbers_do_not_trouble_the_order(tmp_path):
    for number, name in enumerate(("1.png", "1\u00b22.png", "2.png")):
        Image.new("RGB", (5, 4), (number, 0, 0)).save(tmp_path / name)
    assert sorted(frame[0, 0, 0].item() for frame in Film(tmp_path)) == [0, 1, 2]


def test_a_long_film_is_never_held_as_a_whole(tmp_path, write_film):
    """Two hundred frames of 0.9 MB each; what numpy holds at a time is a few of them."""
    film = Film(write_film(tmp_path / "film.avi", 200, 640, 480))
    tracemalloc.start()
    assert sum(1 for _ in film) == 200
    assert tracemalloc.get_traced_memory()[1] < 10 * 3 * 640 * 480
    tracemalloc.stop()


def test_only_what_is_asked_for_is_decoded(tmp_path):
    Image.new("RGB", (5, 4)).save(tmp_path / "1.png")
    (tmp_path / "2.png").write_text("broken")
    frames = iter(Film(tmp_path))
    assert len(list(islice(frames, 1))) == 1
    with pytest.raises(UserError, match=r"cannot read the image .*2\.png"):
        next(frames)


def test_wrong_paths_are_told(tmp_path):
    with pytest.raises(UserError, match="there is no film .*absent"):
        Film(tmp_path / "absent")
    with pytest.raises(UserError, match="holds no frames"):
        Film(tmp_path)
    (tmp_path / "film.mp4").write_bytes(b"no film" * 100)
    with pytest.raises(UserError, match=r"film\.mp4 holds no frames that OpenCV can decode"):
        next(iter(Film(tmp_path / "film.mp4")))


def test_what_ffmpeg_says_of_a_broken_file_is_kept_off_the_screen(tmp_path):
    """In a process that has not used OpenCV's FFmpeg before; FFmpeg asks for its level once."""
    (tmp_path / "film.mp4").write_bytes(b"no film" * 100)
    code = (
        "import sys\nfrom lit_invariance.data.video import Film\nfrom lit_invariance.errors import UserError\n"
        "try:\n    next(iter(Film(sys.argv[1])))\nexcept UserError as error:\n    print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "film.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert "holds no frames that OpenCV can decode" in done.stdout
    assert done.stderr == ""


def test_a_film_whose_name_is_no_text(tmp_path, write_film):
    odd = tmp_path / os.fsdecode(b"caf\xe9.avi")
    os.rename(write_film(tmp_path / "film.avi", 3), odd)
    assert len(list(Film(odd))) == 3


def test_a_damaged_film_is_told(tmp_path, write_film):
    film = write_film(tmp_path / "film.avi", 60)
    content = bytearray(film.read_bytes())
    content[len(content) // 2 : len(content) * 9 // 10] = bytes(len(content) * 9 // 10 - len(content) // 2)
    film.write_bytes(content)
    watched = Film(film)
    with pytest.warns(UserWarning, match=r"states 60 frames, but only \d+ could be decoded: it is cut off or damaged"):
        frames = len(list(watched))
    assert watched.lacking == 60 - frames > 5


def test_the_first_frames_of_a_film_need_no_others(tmp_path, write_film):
    film = write_film(tmp_path / "film.avi", 60)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    assert len(list(Film(film, most=5))) == 5


def test_a_folder_of_frames_holds_what_is_no_frame(tmp_path):
    Image.new("RGB", (5, 4)).save(tmp_path / "1.jfif", "JPEG")
    os.mkfifo(tmp_path / "2.jpg")
    (tmp_path / "@eaDir").mkdir()
    assert len(list(Film(tmp_path))) == 1
