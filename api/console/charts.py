"""Charts drawn on the server: numbers in, shapes out; the macro ``chart`` writes them as SVG with a table of the same.

A chart never stands on colour alone: it has a title, a sentence that says what it shows, words on every shape, and the
table. Shapes are placed in units of the picture and painted by classes of the stylesheet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

WIDTH = 640
HEIGHT = 200
TOP = 14
CHARACTER = 8.6
FOOT = 24
GAP = 0.22
MOST_LABELS = 12
MANY_LABELS = 6
TONES = 6

Words = Callable[[int], str]


def plain(value: int) -> str:
    """A number in groups: 5,000."""
    return f"{value:,}"


@dataclass(frozen=True)
class Shape:
    """A rectangle, a line, a path or a text; ``says`` is shown where the pointer rests."""

    kind: str
    left: float = 0
    top: float = 0
    width: float = 0
    height: float = 0
    paint: str = ""
    says: str = ""
    text: str = ""
    path: str = ""
    link: str = ""


@dataclass(frozen=True)
class Row:
    """One row of the table beside the picture; ``link`` leads from its name."""

    name: str
    cells: Sequence[str]
    link: str = ""


@dataclass(frozen=True)
class Key:
    """What a colour stands for."""

    tone: int
    name: str


@dataclass(frozen=True)
class Chart:
    """A picture and the table that says the same."""

    title: str
    description: str
    shapes: Sequence[Shape]
    header: Sequence[str]
    rows: Sequence[Row]
    keys: Sequence[Key] = ()
    width: int = WIDTH
    height: int = HEIGHT + FOOT + TOP


@dataclass(frozen=True)
class Point:
    """One place on the chart: what it is called, its value, and where it leads."""

    label: str
    value: int
    link: str = ""


@dataclass(frozen=True)
class Series:
    """The values of one colour, one for every label of the chart."""

    name: str
    values: Sequence[int]
    tone: int = 0


@dataclass(frozen=True)
class Step:
    """One bar of a funnel; ``width`` in percent of the first. ``said`` is the value in words."""

    label: str
    said: str
    width: float
    note: str = ""
    link: str = ""
    tone: int = 1


@dataclass(frozen=True)
class Funnel:
    """Bars lying on each other, each a part of the first."""

    title: str
    description: str
    steps: Sequence[Step] = field(default_factory=tuple)


def bars(title: str, description: str, points: Sequence[Point], say: Words = plain, tone: int = 1) -> Chart:
    """Standing bars, one for each point; ``say`` writes a value."""
    named = [Series(title, [point.value for point in points], tone)]
    made = stacked_bars(title, description, points, named, say)
    return Chart(title, description, made.shapes, made.header, made.rows)


def stacked_bars(
    title: str, description: str, points: Sequence[Point], series: Sequence[Series], say: Words = plain
) -> Chart:
    """Standing bars of several parts each; the points' own values are not used."""
    toned = _toned(series)
    most = _round_up(max((sum(each) for each in zip(*(one.values for one in toned), strict=True)), default=0))
    frame = _frame(most, len(points), say)
    shapes = _ground(frame, say) + _labels(frame, [point.label for point in points])
    for place, point in enumerate(points):
        shapes += _column(frame, place, point, toned, say)
    return Chart(title, description, shapes, _header(toned), _rows(points, toned, say), _keys(toned))


def lines(title: str, description: str, points: Sequence[Point], series: Sequence[Series], say: Words = plain) -> Chart:
    """One line for each series over the same points; the points' own values are not used."""
    toned = _toned(series)
    most = _round_up(max((value for one in toned for value in one.values), default=0))
    frame = _frame(most, len(points), say)
    shapes = _ground(frame, say) + _labels(frame, [point.label for point in points])
    for one in toned:
        places = [(frame.middle(place), frame.height_of(value)) for place, value in enumerate(one.values)]
        path = " ".join(f"{'ML'[place > 0]}{left:g} {_down(height):g}" for place, (left, height) in enumerate(places))
        shapes.append(Shape("path", paint=f"line tone-{one.tone}", path=path))
        for (left, height), point, value in zip(places, points, one.values, strict=True):
            says = f"{one.name}, {point.label}: {say(value)}"
            shapes.append(Shape("dot", left, _down(height), paint=f"tone-{one.tone}", says=says, link=point.link))
    return Chart(title, description, shapes, _header(toned), _rows(points, toned, say), _keys(toned))


def funnel(title: str, description: str, points: Sequence[Point], say: Words = plain) -> Funnel:
    """Lying bars, each with its share of the first one."""
    first = points[0].value if points else 0
    steps = []
    for place, point in enumerate(points):
        share = 100 * point.value / first if first > 0 else 0
        note = f"{share:.0f} %" if place and first > 0 else ""
        steps.append(Step(point.label, say(point.value), round(max(min(share, 100), 0), 2), note, point.link))
    return Funnel(title, description, steps)


def _toned(series: Sequence[Series]) -> list[Series]:
    """Every series with its colour, in order where none was chosen."""
    return [Series(one.name, one.values, one.tone or place % TONES + 1) for place, one in enumerate(series)]


def _header(series: Sequence[Series]) -> list[str]:
    return ["", *(one.name for one in series)]


def _rows(points: Sequence[Point], series: Sequence[Series], say: Words) -> list[Row]:
    return [
        Row(point.label, [say(one.values[place]) for one in series], point.link) for place, point in enumerate(points)
    ]


def _keys(series: Sequence[Series]) -> list[Key]:
    return [Key(one.tone, one.name) for one in series] if len(series) > 1 else []


@dataclass(frozen=True)
class _Frame:
    """Where the ground of the picture lies: from ``left`` to its right edge, with ``most`` at the top."""

    left: float
    most: int
    places: int

    @property
    def step(self) -> float:
        return (WIDTH - self.left) / self.places

    def middle(self, place: int) -> float:
        return _short(self.left + self.step * (place + 0.5))

    def height_of(self, value: int) -> float:
        return _short(HEIGHT * max(value, 0) / self.most)


def _frame(most: int, places: int, say: Words) -> _Frame:
    """The scale's words get the room that they need."""
    longest = max(len(say(value)) for value in (0, most // 2, most))
    return _Frame(_short(10 + CHARACTER * longest), most, max(places, 1))


def _column(frame: _Frame, place: int, point: Point, series: Sequence[Series], say: Words) -> list[Shape]:
    """One bar, from the ground up; a part with any value shows at least a line."""
    left, width = _short(frame.left + frame.step * (place + GAP / 2)), _short(frame.step * (1 - GAP))
    shapes, below = [], 0.0
    for one in series:
        value = one.values[place]
        height = max(frame.height_of(value), 1.5 if value > 0 else 0)
        name = f"{point.label}, {one.name}" if len(series) > 1 else point.label
        if height > 0:
            top, says = _down(below + height), f"{name}: {say(value)}"
            shapes.append(Shape("bar", left, top, width, _short(height), f"tone-{one.tone}", says, link=point.link))
        below += height
    return shapes


def _ground(frame: _Frame, say: Words) -> list[Shape]:
    """Lines to read heights by, with what they stand for."""
    shapes = []
    for value in (0, frame.most // 2, frame.most):
        down = _down(frame.height_of(value))
        shapes.append(Shape("rule", frame.left, down, _short(WIDTH - frame.left), paint="rule"))
        shapes.append(Shape("text", frame.left - 6, down + 4, paint="at-end", text=say(value)))
    return shapes


def _labels(frame: _Frame, labels: Sequence[str]) -> list[Shape]:
    """Names below the chart; of many only some, evenly, so that they do not touch, and half of them on a phone."""
    every = max(-(-len(labels) // MOST_LABELS), 1)
    shown = [(place, label) for place, label in enumerate(labels) if place % every == 0]
    return [
        Shape(
            "text",
            frame.middle(place),
            TOP + HEIGHT + FOOT - 6,
            paint="at-middle between" if number % 2 and len(shown) > MANY_LABELS else "at-middle",
            text=label,
        )
        for number, (place, label) in enumerate(shown)
    ]


def _down(height: float) -> float:
    """Where a height ends, counted from the top of the picture."""
    return _short(TOP + HEIGHT - height)


def _short(number: float) -> float:
    return round(number, 2)


def _round_up(value: int) -> int:
    """The next number that reads well on the scale: an even 2, 4, 10, 20, 40, 100 ..."""
    if value <= 2:
        return 2
    power = Decimal(10) ** (len(str(value)) - 1)
    for factor in (1, 2, 4, 5, 6, 8, 10):
        if value <= factor * power:
            rounded = int((factor * power).to_integral_value(ROUND_CEILING))
            return rounded + rounded % 2
    return int(10 * power)
