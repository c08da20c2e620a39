import numpy as np
import pytest
import torch

from lit_invariance.protocols import ScaleSweep, SizeSweep, SweepCrop, SweepInpaint, generator_for

DRAW = generator_for(0, "sweep", 0)


def bounds(view):
    """First and last row, first and last column of what is not black."""
    rows, columns = view.amax(0).amax(1).nonzero().flatten(), view.amax(0).amax(0).nonzero().flatten()
    return rows[0].item(), rows[-1].item(), columns[0].item(), columns[-1].item()


class TestSweepInpaint:
    def test_the_paper_has_104_places(self):
        protocol = SweepInpaint(size=224)
        assert protocol.steps == tuple(float(step) for step in range(-52, 52))
        places = protocol.views(300, 400, DRAW)
        assert {(place.to_height, place.to_width, place.at_left) for place in places} == {(120, 160, 32)}
        assert [place.at_top for place in places] == list(range(104))

    @pytest.mark.parametrize("size", [32, 64, 97, 299])
    def test_every_place_of_other_canvases(self, size):
        protocol = SweepInpaint(size=size)
        places = protocol.views(50, 50, DRAW)
        assert [place.at_top for place in places] == list(range(size - places[0].to_height))
        assert protocol.steps[(size - places[0].to_height) // 2] == 0

    def test_pixels_move_down_by_one_and_the_rest_is_filled(self):
        picture = torch.rand(3, 17, 20, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.5
        views = SweepInpaint(size=32, height=17)(picture, DRAW)
        for place, view in enumerate(views):
            assert torch.equal(view[:, place : place + 17, 6:26], picture)
            assert view.min() >= 0.5 - 1e-6
        black = SweepInpaint(size=32, height=17, background="black")(picture, DRAW)
        assert [bounds(view) for view in black] == [(place, place + 16, 6, 25) for place in range(15)]

    def test_a_wide_picture_is_held_at_the_width_of_the_canvas(self):
        places = SweepInpaint(size=224).views(100, 400, DRAW)
        assert (places[0].to_height, places[0].to_width, places[0].at_left) == (56, 224, 0)
        assert (places[0].at_top, places[-1].at_top + 56) == (84 - 52, 84 + 51 + 56)


class TestSweepCrop:
    RAMP = (torch.arange(500.0) / 500).expand(3, 300, 500)

    def columns(self, views):
        """First column of the picture that each window of the ramp shows."""
        return (views[:, 0, 0, 0] * 500).round().int().tolist()

    def test_windows_of_original_pixels_one_column_apart(self):
        views = SweepCrop(size=224)(self.RAMP, DRAW)
        assert views.shape == (176, 3, 224, 224)
        assert self.columns(views) == list(range(138 - 88, 138 + 88))  # (500 - 224) / 2 = 138
        torch.testing.assert_close(views[3], self.RAMP[:, 38 : 38 + 224, 53 : 53 + 224], atol=0, rtol=0)

    def test_rows_follow_the_box_as_far_as_the_picture_reaches(self):
        rows = (torch.arange(300.0) / 300)[:, None].expand(3, 300, 300)
        for box, top in (((100, 100, 140, 120), 0), ((100, 120, 140, 180), 38), ((100, 260, 140, 290), 76)):
            view = SweepCrop(size=224)(rows, DRAW, box)[0]
            assert round(view[0, 0, 0].item() * 300) == top

    def test_the_box_stays_inside(self):
        protocol, box = SweepCrop(size=224), (200.0, 10.0, 300.0, 90.0)
        shown = protocol.shown(300, 500, box)
        starts = self.columns(protocol(self.RAMP, DRAW, box))
        assert starts == list(range(300 - 224, 200 + 1))
        # Step 0 is the window whose centre is the box's: 250 - 112.
        assert [protocol.steps[place] for place in shown] == [start - 138 for start in starts]

    def test_a_small_object_has_the_whole_range(self):
        # A window that starts at s holds columns 226..274 for s in 50..226, which is one more than -88..87 around 138.
        assert SweepCrop(size=224).shown(300, 500, (226.0, 10.0, 274.0, 90.0)) == range(176)

    def test_an_object_at_the_border_leaves_one_window_and_is_passed_over(self):
        protocol, box = SweepCrop(size=224), (0.0, 0.0, 30.0, 30.0)
        assert protocol.shown(300, 500, box) == range(0)

    def test_a_narrow_picture_has_fewer_steps(self):
        protocol = SweepCrop(size=224)
        shown = protocol.shown(227, 227)
        assert [protocol.steps[place] for place in shown] == [-1, 0, 1, 2]
        assert len(protocol(torch.zeros(3, 227, 227), DRAW)) == 4

    @pytest.mark.parametrize(("height", "width"), [(300, 224), (223, 500), (10, 10)])
    def test_no_room(self, height, width):
        with pytest.raises(ValueError, match=f"no view of an image of {width} x {height} pixels"):
            SweepCrop(size=224)(torch.zeros(3, height, width), DRAW)

    def test_an_object_wider_than_the_window(self):
        assert SweepCrop(size=224).shown(300, 500, (50.0, 0.0, 300.0, 30.0)) == range(0)


class TestSizes:
    WHITE = torch.ones(3, 150, 200)

    def test_the_papers_sizes_in_the_corner(self):
        protocol = SizeSweep(size=224, background="black")
        assert protocol.steps == tuple(float(side) for side in range(60, 211, 10))
        views = protocol(self.WHITE, DRAW)
        assert [bounds(view) for view in views] == [
            (0, round(side * 0.75) - 1, 0, side - 1) for side in range(60, 211, 10)
        ]

    def test_the_rest_is_inpainted(self):
        torch.testing.assert_close(SizeSweep(size=64)(self.WHITE, DRAW), torch.ones(16, 3, 64, 64), atol=1e-6, rtol=0)

    def test_the_shorter_side_cuts_off_what_leaves_the_canvas(self):
        views = SizeSweep(size=224, background="black", held="shorter")(self.WHITE, DRAW)
        assert bounds(views[0]) == (0, 59, 0, 79)
        assert bounds(views[-1]) == (0, 209, 0, 223)

    def test_sides_from_a_config_are_a_list(self):
        protocol = SizeSweep(size=224, sides=[50, 99])
        assert (protocol.steps, hash(protocol) == hash(SizeSweep(size=224, sides=(50, 99)))) == ((50.0, 99.0), True)

    def test_scales_grow_by_one_pixel_to_the_whole_canvas(self):
        protocol = ScaleSweep(size=224, background="black")
        assert protocol.steps == tuple(map(float, range(60, 225)))
        views = protocol(self.WHITE, DRAW)
        assert np.diff([bounds(view)[3] for view in views]).tolist() == [1] * 164
        assert bounds(views[-1]) == (0, 167, 0, 223)

    def test_scales_in_the_centre(self):
        views = ScaleSweep(size=224, background="black", location="centre", scales=[0.5, 1])(self.WHITE, DRAW)
        assert bounds(views[0]) == (70, 70 + 83, 56, 56 + 111)

    @pytest.mark.parametrize("size", [8, 16, 32])
    @pytest.mark.parametrize("protocol", [SizeSweep, ScaleSweep, SweepInpaint, SweepCrop])
    def test_small_canvases(self, protocol, size):
        made = protocol(size=size)
        assert len(made.steps) >= 2
        assert list(made.steps) == sorted(set(made.steps))
        assert len(made(torch.rand(3, 40, 60), DRAW)) == len(made.steps)
