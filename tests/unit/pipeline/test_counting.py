"""Counting who goes over a line, or into a zone and out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from lintel.edge.config.pipeline import CountingLine, CountingZone
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.pipeline.counting import Counter, Crossing, Direction, Line, Place, Zone
from lintel.edge.tasks.tracking import Track

MakeTrack = Callable[..., Track]
SIZE = (1000, 500)
FACE = 40.0
# Across the middle, from the left to three quarters; inside is below.
SILL = CountingLine(name="sill", start=(0.0, 0.5), end=(0.75, 0.5), inside=(0.3, 0.9))
ROOM = CountingZone(name="room", corners=((0.2, 0.2), (0.6, 0.2), (0.6, 0.8), (0.2, 0.8)))
IN, OUT = Direction.IN, Direction.OUT


@pytest.fixture
def walk(make_track: MakeTrack) -> Callable[..., list[Crossing]]:
    """Leads a face along middle points, in pixels, and returns who was counted."""

    def lead(
        counter: Counter, points: Iterable[tuple[float, float]], number: int = 1
    ) -> list[Crossing]:
        half = FACE / 2
        return [
            crossing
            for x, y in points
            for crossing in counter.count(
                [make_track(number, (x - half, y - half, x + half, y + half))], SIZE
            )
        ]

    return lead


def line(x: float, start: float, end: float, steps: int = 12) -> list[tuple[float, float]]:
    """Points along a column."""
    return [(x, start + (end - start) * step / steps) for step in range(steps + 1)]


class TestLine:
    def test_who_goes_to_the_inner_side_comes_in(self, walk: Callable[..., list[Crossing]]) -> None:
        assert walk(Counter([Line(SILL)]), line(300, 100, 400)) == [Crossing("sill", IN, 1)]

    def test_who_goes_to_the_outer_side_goes_out(self, walk: Callable[..., list[Crossing]]) -> None:
        assert walk(Counter([Line(SILL)]), line(300, 400, 100)) == [Crossing("sill", OUT, 1)]

    @pytest.mark.parametrize("turned", [False, True])
    def test_the_inner_point_decides_and_not_the_order_of_the_ends(
        self, walk: Callable[..., list[Crossing]], turned: bool
    ) -> None:
        start, end = (SILL.end, SILL.start) if turned else (SILL.start, SILL.end)
        above = CountingLine(name="sill", start=start, end=end, inside=(0.5, 0.1))
        assert walk(Counter([Line(above)]), line(300, 100, 400)) == [Crossing("sill", OUT, 1)]

    def test_who_sways_on_the_line_is_not_counted(
        self, walk: Callable[..., list[Crossing]]
    ) -> None:
        counter = Counter([Line(SILL)])
        swaying = [(300, 250 + 8 * (-1) ** step) for step in range(30)]
        assert walk(counter, [*line(300, 100, 240), *swaying, *line(300, 240, 100)]) == []

    def test_each_counts_once_in_each_direction(self, walk: Callable[..., list[Crossing]]) -> None:
        to_and_fro = [*line(300, 100, 400), *line(300, 400, 100)] * 3
        crossings = walk(Counter([Line(SILL)]), to_and_fro)
        assert crossings == [Crossing("sill", IN, 1), Crossing("sill", OUT, 1)]

    def test_a_line_reaches_no_further_than_its_ends(
        self, walk: Callable[..., list[Crossing]]
    ) -> None:
        counter = Counter([Line(SILL)])
        assert walk(counter, line(900, 100, 400)) == []
        # Round the end, and back over the line.
        around = [(900.0, 400.0), (300.0, 400.0), *line(300, 400, 100)]
        assert walk(counter, around) == [Crossing("sill", OUT, 1)]

    def test_a_jump_over_the_line_counts(self, walk: Callable[..., list[Crossing]]) -> None:
        points = [(300.0, 60.0), (310.0, 440.0)]
        assert walk(Counter([Line(SILL)]), points) == [Crossing("sill", IN, 1)]

    def test_each_face_counts_for_itself(self, walk: Callable[..., list[Crossing]]) -> None:
        counter = Counter([Line(SILL)])
        assert walk(counter, line(300, 100, 400), 1) == [Crossing("sill", IN, 1)]
        assert walk(counter, line(500, 100, 400), 2) == [Crossing("sill", IN, 2)]

    def test_a_slanting_line_has_its_sides_too(self, walk: Callable[..., list[Crossing]]) -> None:
        slanting = CountingLine(name="ramp", start=(0.1, 0.9), end=(0.9, 0.1), inside=(0.1, 0.1))
        points = [(950.0, 450.0), (500.0, 250.0), (50.0, 50.0)]
        assert walk(Counter([Line(slanting)]), points) == [Crossing("ramp", IN, 1)]


class TestWhoCounts:
    def test_a_face_that_is_only_thought_to_move_does_not(self, make_track: MakeTrack) -> None:
        counter = Counter([Line(SILL)])
        counter.count([make_track(1, (280, 80, 320, 120))], SIZE)
        assert counter.count([make_track(1, (280, 380, 320, 420), unseen_s=0.2)], SIZE) == []

    def test_a_face_that_is_too_doubtful_to_be_told_of_does_not(
        self, make_track: MakeTrack
    ) -> None:
        counter = Counter([Line(SILL)])
        counter.count([make_track(1, (280, 80, 320, 120), told=False)], SIZE)
        assert counter.count([make_track(1, (280, 380, 320, 420), told=False)], SIZE) == []

    def test_who_was_let_go_begins_anew(self, make_track: MakeTrack) -> None:
        counter = Counter([Line(SILL)])
        counter.count([make_track(1, (280, 80, 320, 120))], SIZE)
        counter.count([], SIZE)
        assert counter.count([make_track(1, (280, 380, 320, 420))], SIZE) == []


class TestZone:
    def test_who_goes_in_and_out_counts_in_both_directions(
        self, walk: Callable[..., list[Crossing]]
    ) -> None:
        points = [(50.0 + 50 * step, 250.0) for step in range(16)]
        crossings = walk(Counter([Zone(ROOM)]), points)
        assert crossings == [Crossing("room", IN, 1), Crossing("room", OUT, 1)]

    def test_who_appears_inside_only_goes_out(self, walk: Callable[..., list[Crossing]]) -> None:
        assert walk(Counter([Zone(ROOM)]), line(400, 250, 490)) == [Crossing("room", OUT, 1)]

    def test_places_count_side_by_side(self, walk: Callable[..., list[Crossing]]) -> None:
        places: list[Place] = [Line(SILL), Zone(ROOM)]
        crossings = walk(Counter(places), line(400, 20, 480, 40))
        assert crossings == [
            Crossing("room", IN, 1),
            Crossing("sill", IN, 1),
            Crossing("room", OUT, 1),
        ]


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        ({"end": (0.0, 0.505)}, "end"),
        ({"inside": (0.9, 0.5)}, "inside"),
    ],
)
def test_a_line_has_a_length_and_an_inner_side(
    keys: dict[str, tuple[float, float]], field: str
) -> None:
    given = {"start": SILL.start, "end": SILL.end, "inside": SILL.inside, **keys}
    with pytest.raises(SettingsInvalidError) as caught:
        Line(CountingLine(name="sill", **given))
    assert caught.value.field == field


def test_a_zone_has_an_area() -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        Zone(CountingZone(name="flat", corners=((0.1, 0.1), (0.5, 0.5), (0.9, 0.9))))
    assert caught.value.field == "corners"
