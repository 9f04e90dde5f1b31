"""Names of points in a drawing: beside them, and on nothing else."""

from __future__ import annotations

import math
import re
from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.report.labels import Box, Label, place_labels
from flows.report.learning import training_curve
from flows.report.svg import Axis, Plot

FRAME = Box(0.0, 0.0, 600.0, 300.0)


def dot(x: float, y: float) -> Box:
    return Box(x - 4, y - 4, x + 4, y + 4)


def test_a_lone_name_stands_to_the_right_and_at_the_edge_to_the_left() -> None:
    for x, end in ((300.0, False), (590.0, True)):
        [found] = place_labels([Label((x, 150.0), "held out", 13)], [], [dot(x, 150)], FRAME)
        assert found.end is end and abs(found.x - x) == 9.0
        assert FRAME.holds(found.box) and not found.box.meets(dot(x, 150))


def test_a_name_keeps_off_lines_even_where_it_must_go_far() -> None:
    noisy = [(float(x), 150.0 + 35 * math.sin(x)) for x in range(0, 601, 3)]
    [found] = place_labels([Label((595.0, 150.0), "held out: 5.262", 13)], [noisy], [dot(595, 150)], FRAME)
    assert not any(found.box.crossed(start, end) for start, end in pairwise(noisy))
    assert abs(found.y - 150) < 70


def test_a_line_is_met_inside_at_the_edge_and_in_passing_only() -> None:
    box = Box(10.0, 10.0, 20.0, 20.0)
    assert box.crossed((0.0, 15.0), (30.0, 15.0)) and box.crossed((12.0, 12.0), (13.0, 18.0))
    assert box.crossed((15.0, 0.0), (15.0, 11.0)) and box.crossed((0.0, 0.0), (30.0, 30.0))
    assert not box.crossed((0.0, 15.0), (9.0, 15.0)) and not box.crossed((0.0, 25.0), (25.0, 50.0))
    assert not box.crossed((0.0, 5.0), (30.0, 5.0)) and not box.crossed((15.0, 30.0), (15.0, 21.0))


def test_where_all_is_full_the_name_is_written_all_the_same() -> None:
    """Too long for the frame; and a frame that lines fill."""
    [long] = place_labels([Label((300.0, 150.0), "n" * 200, 13)], [], [], FRAME)
    assert (long.x, long.end) == (309.0, False)
    hatching = [[(0.0, float(y)), (600.0, float(y))] for y in range(0, 300, 2)]
    [found] = place_labels([Label((300.0, 150.0), "name", 13)], hatching, [], FRAME)
    assert FRAME.holds(found.box)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 5)), min_size=1, max_size=10, unique=True))
def test_names_of_points_apart_keep_off_each_other_and_off_dots(places: list[tuple[int, int]]) -> None:
    points = [(25.0 + 50 * x, 25.0 + 50 * y) for x, y in places]
    dots = [dot(*point) for point in points]
    found = place_labels([Label(point, "Llama", 12) for point in points], [], dots, FRAME)
    assert not any(one.box.meets(other.box) for one, other in combinations(found, 2))
    assert not any(place.box.meets(other) for place in found for other in dots)
    assert all(FRAME.holds(place.box) for place in found)


def test_the_held_out_loss_is_written_clear_of_the_losses() -> None:
    curve = [
        {"step": n, "tokens": n * 500, "loss": 8 * (n + 1) ** -0.1 + 0.4 * math.sin(n * 2.1), "learning_rate": 1e-3}
        for n in range(400)
    ]
    drawing = str(training_curve({"curve": curve, "eval_loss": 4.4}).svg)
    [(x, y)] = re.findall(r'<text class="word c2" text-anchor="end" x="([\d.]+)" y="([\d.]+)">held out', drawing)
    width = 13 * 0.6 * len("held out: 4.400")
    box = Box(float(x) - width, float(y) - 10.4, float(x), float(y) + 2.8)
    for path in re.findall(r'class="line [^"]*" d="([^"]+)"', drawing):
        spots = [(float(a), float(b)) for a, b in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]
        assert len(spots) > 100
        assert not any(box.crossed(start, end) for start, end in pairwise(spots))


def test_a_name_off_the_axes_is_not_written() -> None:
    plot = Plot("p", Axis("x", 0, 1), Axis("y", 0, 1))
    plot.name(2.0, 0.5, "outside")
    plot.name(0.5, 0.5, "<inside>")
    assert "outside" not in plot.render() and "&lt;inside&gt;" in plot.render()
