import numpy as np

from lit_invariance.results.outcomes import PARTS, Answers, Outcomes, load_outcomes, merge, save_outcomes


def part(indices):
    indices = np.array(indices)
    columns = {("a", "crop", "accuracy"): indices / 8, ("b", "crop", "agreement"): 1 - indices / 8}
    views = indices[:, None] + np.arange(3)
    answers = {("a", "crop"): Answers(views.astype(np.int32), np.float32(views / 9), np.float32(views / 11))}
    return Outcomes(indices, indices % 3, columns, answers)


def equal_answers(first, second):
    assert list(first.answers) == list(second.answers)
    for cell in first.answers:
        for name in PARTS:
            ours, theirs = (getattr(outcomes.answers[cell], name) for outcomes in (first, second))
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)


def test_merge_sorts_and_keeps_each_image_once():
    whole = merge([part([4, 0, 2]), part([1, 3, 0]), part([5])])
    expected = part([0, 1, 2, 3, 4, 5])
    np.testing.assert_array_equal(whole.indices, expected.indices)
    np.testing.assert_array_equal(whole.labels, expected.labels)
    assert list(whole.columns) == list(expected.columns)
    np.testing.assert_array_equal(whole.matrix(), expected.matrix())
    equal_answers(whole, expected)


def test_saved_and_read_back(tmp_path):
    save_outcomes(part([0, 3, 9]), tmp_path / "outcomes.npz")
    read = load_outcomes(tmp_path / "outcomes.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["outcomes.npz"]
    assert list(read.columns) == [("a", "crop", "accuracy"), ("b", "crop", "agreement")]
    np.testing.assert_array_equal(read.indices, [0, 3, 9])
    np.testing.assert_array_equal(read.labels, [0, 0, 0])
    np.testing.assert_array_equal(read.matrix(), part([0, 3, 9]).matrix())
    equal_answers(read, part([0, 3, 9]))
