import pytest
from PIL import Image

from lit_invariance.data.anchored_films import AnchoredFilms
from lit_invariance.errors import UserError


@pytest.fixture
def films(tmp_path):
    """A folder of numbered frames with a gap at 104, and a folder of frames without numbers; red is the number."""
    for number in (*range(98, 104), *range(105, 110)):
        save(tmp_path / "films" / "numbered" / f"{number:06d}.png", number)
    for place, name in enumerate(("one", "three", "two")):
        save(tmp_path / "films" / "named" / f"{name}.png", place)
    return tmp_path / "films"


def save(path, red):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5, 4), (red, 0, 0)).save(path)


def opened(films, text, **options):
    table = films.parent / "anchors.csv"
    table.write_text(text)
    return AnchoredFilms(films, table, **options)


def shown(anchored):
    return [(frame.film, frame.number, frame.pixels[0, 0, 0].item()) for frame in anchored]


def test_the_frames_in_reach_of_some_anchor_are_shown_once_and_in_order(films):
    anchored = opened(films, "film,frame,label\nnumbered,106,a\nnamed,1,b\nnumbered,103,a\n", reach=2)
    assert shown(anchored) == [
        *((0, number, number) for number in (101, 102, 103, 105, 106, 107, 108)),
        *((1, place, place) for place in (0, 1, 2)),
    ]
    assert sorted(anchored.places(0, 105)) == [(0, -1, ("a",)), (2, 2, ("a",))]
    assert list(anchored.places(1, 2)) == [(1, 1, ("b",))]
    assert list(anchored.places(1, 105)) == []


def test_what_remembers_is_shown_the_film_from_its_beginning(films):
    anchored = opened(films, "film,frame,label\nnumbered,106,a\n", reach=1)
    assert [number for _, number, _ in shown(anchored)] == [105, 106, 107]
    anchored.whole = True
    assert [number for _, number, _ in shown(anchored)] == [98, 99, 100, 101, 102, 103, 105, 106, 107]


def test_only_listed_neighbours_in_reach_are_shown(films):
    lines = "".join(f"numbered,{frame},a,102\n" for frame in (100, 102, 103, 108))
    assert [number for _, number, _ in shown(opened(films, f"film,frame,label,anchor\n{lines}", reach=3))] == [
        100,
        102,
        103,
    ]


def test_frames_of_a_film_file_are_counted_from_0(films, write_film):
    write_film(films / "film.avi", 20)
    anchored = opened(films, "film,frame,label\nfilm.avi,12,a\n", reach=2)
    frames = list(anchored)
    assert [(frame.film, frame.number) for frame in frames] == [(0, number) for number in range(10, 15)]
    assert [frame.pixels[2].float().mean().item() for frame in frames] == pytest.approx(
        [8 * number for number in range(10, 15)], abs=4
    )


def test_a_single_film_and_the_first_anchors(films):
    anchored = opened(films / "numbered", "frame,label\n100,a\n102,b\n108,c\n", most=2, reach=1)
    assert [anchor.frame for anchor in anchored.anchors] == [100, 102]
    assert [number for _, number, _ in shown(anchored)] == [99, 100, 101, 102, 103]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("film,frame,label\nnumbered,104,a\n", "numbered has no frame 104, which the anchor in line 2 of .*needs"),
        ("film,frame,label,anchor\nnumbered,103,a,\nnumbered,104,a,103\n", "has no frame 104, .* line 2"),
        ("film,frame,label\nabsent,1,a\n", "there is no film .*absent"),
        ("film,frame,label\nfilm.avi,20,a\n", "film.avi has no frame 20"),
    ],
)
def test_frames_and_films_that_are_not_there(films, write_film, text, message):
    write_film(films / "film.avi", 20)
    with pytest.raises(UserError, match=message):
        list(opened(films, text))


@pytest.mark.parametrize(
    ("options", "message"), [({"reach": 0}, "anchor_reach is 0"), ({"most": 0}, "max_images is 0")]
)
def test_numbers_that_are_none(films, options, message):
    with pytest.raises(UserError, match=message):
        opened(films, "film,frame,label\nnumbered,103,a\n", **options)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="there is no film .*nowhere; name a folder of films, or one film"):
        AnchoredFilms(tmp_path / "nowhere", tmp_path / "anchors.csv")
