import pytest

from lit_invariance.data.anchors import read_anchors
from lit_invariance.errors import UserError


@pytest.fixture
def write(tmp_path):
    (tmp_path / "films" / "a").mkdir(parents=True)

    def write(text):
        (tmp_path / "anchors.csv").write_text(text)
        return read_anchors(tmp_path / "anchors.csv", tmp_path / "films")

    return write


def test_a_line_is_an_anchor(write, tmp_path):
    table = write("film,frame,label\na,12,dog\nb.mp4,0, dog | cat\n")
    assert not table.listed
    first, second = table.anchors
    assert (first.film, first.frame, first.labels, first.line) == (tmp_path / "films" / "a", 12, ("dog",), 2)
    assert (second.film, second.frame, second.labels) == (tmp_path / "films" / "b.mp4", 0, ("dog", "cat"))
    assert [first.labels_of(frame, 10, listed=False) for frame in (1, 2, 12, 22, 23)] == [
        None,
        ("dog",),
        ("dog",),
        ("dog",),
        None,
    ]


def test_neighbours_may_be_listed_with_labels_of_their_own(write):
    table = write("film,frame,label,anchor\na,11,dog|cat,12\na,12,dog,\na,13,cat,12\na,40,dog,12\na,30,fox,30\n")
    assert table.listed
    assert [(anchor.frame, sorted(anchor.neighbours)) for anchor in table.anchors] == [(12, [11, 13, 40]), (30, [])]
    anchor = table.anchors[0]
    assert [anchor.labels_of(frame, 10, listed=True) for frame in (10, 11, 12, 13, 40)] == [
        None,
        ("dog", "cat"),
        ("dog",),
        ("cat",),
        None,
    ]


def test_a_single_film_needs_no_column(tmp_path):
    (tmp_path / "film.avi").write_bytes(b"")
    (tmp_path / "anchors.csv").write_text("frame,label\n3,7\n")
    (anchor,) = read_anchors(tmp_path / "anchors.csv", tmp_path / "film.avi").anchors
    assert anchor.film == tmp_path / "film.avi"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("frame,label\n1,2\n", "its first line is 'frame,label' and lacks film"),
        ("film,frame\na,1\n", "its first line is .film,frame. and lacks label"),
        ("film,frame,label\n", "it names no anchor"),
        ("film,frame,label\na,x,1\n", "line 2: its frame 'x' is no number from 0 on"),
        ("film,frame,label\na,1,dog\na,2,\n", "line 3: a label is empty"),
        ("film,frame,label\na,1,dog|\n", "line 2: a label is empty"),
        ("film,frame,label\na,1\n", "line 2: a label is empty"),
        ("film,frame,label\na,1,dog\na,1,cat\n", "line 3 names frame 1 of .* once more"),
        ("film,frame,label,anchor\na,1,dog,2\n", "line 2 is a neighbour of frame 2, which has no line of its own"),
        ("film,frame,label,anchor\na,1,dog,1\na,2,dog,1\na,2,dog,1\n", "line 4 names the neighbour 2 of frame 1 once"),
    ],
)
def test_refused(write, text, reason):
    with pytest.raises(UserError, match=f"anchors.csv cannot be used: {reason}"):
        write(text)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="absent.csv cannot be read .No such file .*check --anchors"):
        read_anchors(tmp_path / "absent.csv", tmp_path)
