import pytest
import torch

from lit_invariance.data.rendered_shapes import RenderedShapes, load_shapes
from lit_invariance.data.shapes import coverage, draw_scene, render, to_uint8
from lit_invariance.errors import UserError


def test_holds_what_render_draws() -> None:
    held = RenderedShapes(12, size=40, bias=0.2, seed=3, split="val")
    image, label = held[11]
    drawn = to_uint8(render(draw_scene(11, 40, bias=0.2, seed=3, split="val"), 40))
    assert image.dtype == torch.uint8
    assert (image.numpy() == drawn).all()
    assert (len(held), label) == (12, 1)


@pytest.mark.parametrize("size_bias", [None, 0.9])
def test_boxes_hold_the_shapes_and_are_no_wider_than_their_circles(size_bias: float | None) -> None:
    held = RenderedShapes(20, size=48, bias=0.3, seed=1, split="val", size_bias=size_bias)
    for index in range(20):
        scene = draw_scene(index, 48, bias=0.3, seed=1, split="val", size_bias=size_bias)
        left, top, right, bottom = held.boxes[index]
        rows, columns = coverage(scene, 48).nonzero()
        assert left - 1 <= columns.min() <= columns.max() <= right
        assert top - 1 <= rows.min() <= rows.max() <= bottom
        assert right - left == pytest.approx(2 * scene.radius) == bottom - top


def test_splits_differ_and_leave_room_to_move() -> None:
    splits = load_shapes(64, train_images=10, val_images=10, bias=1.0, val_bias=0.0)
    train = splits.load_train()
    assert train[0][0].shape == (3, 72, 72)
    assert len(splits.class_names) == 10
    assert not any((train[i][0] == splits.val[i][0]).all() for i in range(10))


def test_size_bias_is_that_of_both_parts() -> None:
    splits = load_shapes(32, train_images=3, val_images=3, bias=0.9, val_bias=0.5, size_bias=0.0)
    for part, held, bias in (("train", splits.load_train(), 0.9), ("val", splits.val, 0.5)):
        drawn = to_uint8(render(draw_scene(2, 36, bias=bias, split=part, size_bias=0.0), 36))
        assert (held[2][0].numpy() == drawn).all()


def test_train_images_do_not_depend_on_how_many_there_are() -> None:
    few, many = (load_shapes(32, train_images=count, val_images=1).load_train() for count in (5, 12))
    assert all((few[i][0] == many[i][0]).all() for i in range(5))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bias": 1.5}, "bias is 1.5"),
        ({"val_bias": -0.1}, "val_bias is -0.1"),
        ({"size_bias": 1.1}, "size_bias is 1.1; it must be between 0 and 1"),
        ({"train_images": 0}, "train_images is 0"),
        ({"val_images": 10**15}, "do not fit into memory; ask for fewer"),
        ({"val_images": 10**30}, "do not fit into memory; ask for fewer"),
        ({"val_images": 0.5}, "val_images is 0.5; it must be a whole number, at least 1"),
        ({"size": 40}, "size is 40; it must be a whole number, at least 64"),
        ({"seed": -1}, "seed is -1"),
        ({"train_images": True}, "train_images is True"),
    ],
)
def test_wrong_numbers_are_named(options: dict[str, float], said: str) -> None:
    with pytest.raises(UserError, match=said):
        load_shapes(64, **options)


def test_nothing_is_drawn_before_an_image_is_asked_for(monkeypatch):
    def drawn(*_):
        raise AssertionError("drawn")

    monkeypatch.setattr("lit_invariance.data.rendered_shapes.render", drawn)
    splits = load_shapes(32, train_images=10, val_images=5)
    for source, count in ((splits.val, 5), (splits.load_train(), 10)):
        assert (len(source), len(source.boxes)) == (count, count)
        with pytest.raises(AssertionError, match="drawn"):
            source[0]
