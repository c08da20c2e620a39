from lit_invariance.data.synsets import imagenet_classes, imagenet_outputs, is_imagenet_validation


def test_thousand_classes_in_the_order_of_the_outputs():
    assert len(imagenet_classes()) == 1000
    assert imagenet_outputs()["n01440764"] == 0
    assert imagenet_classes()["n01440764"].startswith("tench")


def test_the_whole_validation_set_is_known_by_its_names():
    whole = [f"val/n01440764/ILSVRC2012_val_{number:08}.JPEG" for number in range(1, 50001)]
    assert is_imagenet_validation(whole)
    assert not is_imagenet_validation(whole[:-1])
    assert not is_imagenet_validation([*whole[:-1], "val/n01440764/mine.jpg"])
    assert not is_imagenet_validation([*whole[:-1], whole[0]])
