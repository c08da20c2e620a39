import pytest

from lit_invariance.data.coarse_classes import IMAGENET_VID, read_coarse_classes
from lit_invariance.data.synsets import imagenet_classes
from lit_invariance.errors import UserError


def test_the_classes_of_imagenet_vid():
    """14,400 validation pictures of ImageNet, 50 a class, are of these 30 classes in the published code."""
    classes, names = read_coarse_classes(IMAGENET_VID), list(imagenet_classes().values())
    assert len(classes) == 30
    assert sum(map(len, classes.values())) * 50 == 14_400
    assert list(classes) == sorted(classes)
    for name, part in (("airplane", "airliner"), ("cattle", "ox"), ("giant_panda", "panda"), ("lion", "lion"),
                       ("motorcycle", "moped"), ("red_panda", "panda"), ("sheep", "ram"), ("squirrel", "squirrel"),
                       ("tiger", "tiger"), ("train", "train"), ("zebra", "zebra"), ("horse", "sorrel")):  # fmt: skip
        (output,) = classes[name]
        assert part in names[output]
    assert [len(classes[name]) for name in ("dog", "bird", "snake")] == [118, 59, 17]
    for name, word in (("fox", "fox"), ("elephant", "elephant"), ("whale", "whale")):
        assert any(word in names[output] for output in classes[name])


def test_numbers_ranges_and_synsets(tmp_path):
    table = tmp_path / "classes.csv"
    table.write_text("class,outputs\nfish,0-2 7\n\ngold,n01443537 9\n".replace("n01443537", "n01818515"))
    assert read_coarse_classes(table) == {"fish": (0, 1, 2, 7), "gold": (88, 9)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it names no class"),
        ("fish\n", "'fish' is no class with its outputs"),
        ("fish,\n", "the class 'fish' has no outputs or stands there twice"),
        ("fish,1\nfish,2\n", "the class 'fish' has no outputs or stands there twice"),
        ("fish,1-3\ncat,3\n", "output 3 is of fish and of cat"),
        ("fish,3-1\n", "'3-1' is no output"),
        ("fish,0-999999999\n", "'0-999999999' is no output"),
        ("fish,n99999999\n", "'n99999999' is no output: write a number, a range or a synset"),
    ],
)
def test_refused(tmp_path, text, reason):
    table = tmp_path / "classes.csv"
    table.write_text(text)
    with pytest.raises(UserError, match=f"classes.csv cannot be used .{reason}") as refused:
        read_coarse_classes(table)
    assert "such as 'dog,151-268', or name imagenet_vid." in str(refused.value)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="absent.csv cannot be used .No such file"):
        read_coarse_classes(tmp_path / "absent.csv")
