import pytest

from lit_invariance.errors import UserError
from lit_invariance.experiments.fix_sets import held_out_table, table
from lit_invariance.experiments.photo_sets import GROUPS, MOST_TEST, TRAINING, photo_set


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Sixty files for each group, in the folders of its first synsets."""
    folder = tmp_path_factory.mktemp("pictures")
    synsets = [f"n{number:08d}" for number in range(1000)]
    (folder / "imagenet_synsets.txt").write_text("".join(f"{synset} name, other name\n" for synset in synsets))
    for group, numbers in GROUPS.items():
        for part, number in (("imagenet_sample", numbers[0]), ("imagenet_val", numbers[1])):
            of_class = folder / part / synsets[number]
            of_class.mkdir(parents=True)
            for count in range(30):
                (of_class / f"{group}_{part}_{count}.jpg").touch()
    return folder


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.glob("*/*")}


def test_a_set_has_twenty_photos_of_each_of_three_classes_and_others_to_test_on(pictures, tmp_path):
    made = photo_set(3, pictures, tmp_path)
    training, test = files(made.training), files(made.test)
    for name in made.classes:
        assert sum(path.startswith(f"{name}/{name}_") for path in training) == TRAINING
        assert sum(path.startswith(f"{name}/{name}_") for path in test) == MOST_TEST
    assert (len(training), len(test)) == (3 * TRAINING, 3 * MOST_TEST)
    assert not training & test


def test_a_set_is_drawn_again_alike_and_numbers_differ(pictures, tmp_path):
    one, again, other = (
        photo_set(number, pictures, tmp_path / name) for number, name in ((3, "a"), (3, "b"), (4, "c"))
    )
    assert (one.classes, files(one.training)) == (again.classes, files(again.training))
    assert files(one.training) != files(other.training)


def test_classes_of_photos_have_no_class_of_imagenet_in_common():
    numbers = [number for group in GROUPS.values() for number in group]
    assert len(numbers) == len({*numbers})


def test_a_folder_without_pictures_is_told(tmp_path):
    with pytest.raises(UserError, match=r"there is no .*imagenet_synsets\.txt; name a folder .* with --pictures"):
        photo_set(0, tmp_path, tmp_path)


def result(classes, chosen, values):
    rows = []
    for (protocol, score), (plain, fixed) in values.items():
        for model, mean in (("plain", plain), ("fixed", fixed)):
            apart = {"difference": mean - plain, "difference_low": mean - plain - 0.02, "difference_high": 0.01}
            rows.append({"model": model, "protocol": protocol, "score": score, "mean": mean, **apart})
    candidates = [{"name": name, "accuracy": 0.9, "changes": [0.1, 0.3]} for name in ("plain", chosen)]
    return {
        "classes": classes,
        "rows": rows,
        "fix": {"protocols": ["crop", "b"], "chosen": chosen, "candidates": candidates},
    }


def test_tables_by_hand():
    names = ("centre_crop", "accuracy"), ("crop", "top1_change"), ("embed_black", "top1_change")
    done = [
        result(["a", "b", "c"], "head", dict(zip(names, [(0.9, 0.92), (0.1, 0.05), (0.2, 0)], strict=True))),
        result(["d", "e", "f"], "moved", dict(zip(names, [(1.0, 0.98), (0.3, 0.15), (0.2, 0.1)], strict=True))),
    ]
    lines = table(done)
    assert lines[2].startswith("| a, b, c | head | .900 -> .920 (+.020 [+.000, +.010]) | .100 -> .050 (-.050")
    # Below each difference both sets have .02; above, what is left to .01: of changes .06 and .16, .21 and .11.
    crop, black = "-.100 [-.114, -.015]", "-.150 [-.164, -.031]"
    assert lines[-1] == (
        f"| mean |  | .950 -> .950 (+.000 [-.014, +.016]) | .200 -> .100 ({crop}) | .200 -> .050 ({black}) |"
    )
    assert held_out_table(done)[2:] == [
        "| plain | 2 | .900 | .100 | .300 | 0 |",
        "| head | 1 | .900 | .100 | .300 | 1 |",
        "| moved | 1 | .900 | .100 | .300 | 1 |",
    ]
