from lit_invariance.report.sheets import sheets_style, window_style


def test_by_hand(tmp_path):
    """A view of 20 rows and 40 columns at row 5, column 0 of 30 rows and 40 columns."""
    picture = {"size": [30, 40], "window": [20, 40], "places": [[0, 0], [5, 0], [10, 0]], "file": "a.webp"}
    (tmp_path / "a.webp").write_bytes(b"abc")
    # The picture is 1.5 views high; half of what is left over of it lies above the view.
    assert window_style(picture, 1) == "background-position: 0% 50.0000%"
    assert window_style(picture, 2) == "background-position: 0% 100.0000%"
    style = ".sheet0 { aspect-ratio: 40 / 20; background-size: 100.0000% 150.0000%; "
    assert sheets_style([picture], tmp_path) == style + "background-image: url(data:image/webp;base64,YWJj) }\n"
