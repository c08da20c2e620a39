import csv

from lit_invariance.report.video_curve import save_curves

CURVE = {"film": "fil$m$.mp4", "classes": ["89 cockatoo", "caf\\xe9"], "probabilities": [[0.5, 0.25], [0.125, 0.75]]}


def test_models_whose_names_make_one_file_name_keep_a_file_each(tmp_path):
    tables, figures = save_curves([CURVE | {"model": name} for name in ("a/b", "a b", "A_B")], tmp_path)
    assert [table.name for table in tables] == ["video_a_b.csv", "video_a_b_2.csv", "video_A_B_3.csv"]
    assert len({figure.name for figure in figures}) == 6
    with tables[1].open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["frame", *CURVE["classes"]], ["0", "0.5", "0.25"], ["1", "0.125", "0.75"]]
