"""Draws values of a table as an SVG image: bars over words, lines over times, with axes, a legend and words. Pure."""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Literal, NamedTuple

from webapp.rendering.tabular import Plot, PlotSeries

Scheme = Literal["", "light", "dark"]
WIDTH, NARROW, MARGIN, TICKS = 560.0, 340.0, 16.0, 6
# How high the lines are of one axis, and of several below each other.
LINE_HEIGHT, LESS_HEIGHT = 280.0, 170.0
# How wide a letter of 14 pixels is, at most on average, and of a title.
LETTER, TITLE_LETTER = 7.6, 9.0
BAR, GAP = 14.0, 10.0
ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
# The series in their order, each for paper and for night: water, clay, moss, amber, and others that differ from them.
COLOURS = {
    "light": (
        *("#00667c", "#a8471f", "#3d7042", "#88520c", "#6b4fa0", "#a33a68"),
        *("#2f6fb5", "#5b6670", "#8a7a00", "#00796b", "#7a4a3a", "#4b4b9b"),
    ),
    "dark": (
        *("#6fcbda", "#f0a37f", "#9ccf9a", "#ebb76c", "#c0a8ee", "#f09ac0"),
        *("#8fbdf2", "#b3bec6", "#d8cc66", "#6fd0c0", "#d3a595", "#a9aef0"),
    ),
}
# Paper, ink, softer ink, lines.
TONES = {"light": ("#fcfaf6", "#192026", "#485158", "#d9d6d0"), "dark": ("#11171b", "#e6e4df", "#a9b3b6", "#39434a")}


class Scale(NamedTuple):
    """The ends of an axis of values, and where its ticks are."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Returns where a value is between the ends, from 0 to 1."""
        return (value - self.low) / (self.high - self.low)


class Axis(NamedTuple):
    """The series that share an axis, by their places, and where they are drawn."""

    plot: Plot
    places: Sequence[int]
    width: float
    number: Callable[[float], str]

    @property
    def series(self) -> list[tuple[int, PlotSeries]]:
        return [(place, self.plot.series[place]) for place in self.places]

    @property
    def values(self) -> list[float]:
        return [value for _, series in self.series for value in series.values if value is not None]

    @property
    def label_chars(self) -> int:
        return int(self.width / 23)

    def said(self, row: int, series: PlotSeries, value: float) -> str:
        named = f"{self.plot.labels[row]} · {series.name}" if series.name else self.plot.labels[row]
        words = " ".join(filter(None, (self.number(value), series.unit)))
        return f"<title>{escape(named)}: {escape(words)}</title>"


def scale(values: Sequence[float], *, has_zero: bool, most_ticks: int = TICKS) -> Scale:
    """Returns an axis with round ticks that shows all these values, and zero where bars begin there."""
    low, high = min(values), max(values)
    # A line far above zero would otherwise be flat.
    if has_zero or 0 <= low <= high / 2:
        low, high = min(0.0, low), max(0.0, high)
    step = _round_step((high - low) or abs(high) or 1.0, most_ticks)
    first, last = math.floor(low / step), math.ceil(high / step)
    last += first == last
    # By the places of the step, so that 3 * 0.1 is 0.3.
    places = max(0, 2 - math.floor(math.log10(step)))
    ticks = tuple(round(step * place, min(places, 300)) for place in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], ticks)


def svg(
    plot: Plot,
    *,
    title: str,
    description: str,
    number: Callable[[float], str],
    scheme: Scheme = "",
    width: float = WIDTH,
    has_title: bool = True,
) -> str:
    """Returns the plot as an SVG image that stands alone; `number` writes a value as the reader does.

    Without `has_title`, its title is not drawn, as what is around it has the same.

    Series of other units or sizes have an axis of their own, below the one before it.
    """
    axes = [Axis(plot, places, width, number) for places in plot.axes]
    parts, top = list[str](), 36.0 if has_title else 4.0
    for axis in axes:
        legend, top = _legend(axis, top)
        line_height = LINE_HEIGHT if len(axes) == 1 else LESS_HEIGHT
        body, top = _lines(axis, top, line_height) if plot.is_line else _bars(axis, top)
        parts += [legend, body]
    # Bars have their labels beside them: below, the name would seem to be that of their values.
    words = _short(plot.label_name, int((width - 2 * MARGIN) / LETTER)) if plot.is_line else ""
    parts.append(f'<text class="soft middle" x="{width / 2:g}" y="{top + 6:g}">{words}</text>' if words else "")
    height = top + (18 if words else 0)
    name = _short(title, int((width - 2 * MARGIN) / TITLE_LETTER))
    heading = f'<text class="title" x="{MARGIN}" y="30">{name}</text>' if has_title else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title><desc>{escape(description)}</desc>'
        f'<style>{_style(scheme)}</style><rect class="paper" width="{width:g}" height="{height:g}"/>'
        f"{heading}{''.join(parts)}</svg>"
    )


def document(image: str, narrow: str, scheme: Scheme = "") -> str:
    """Returns the HTML document for the preview's iframe, which in a narrow one shows the image that is made for that."""
    sizes = "svg{display:block;width:100%;max-width:60rem}svg+svg{display:none}"
    sizes += "@media(max-width:480px){svg{display:none}svg+svg{display:block}}"
    page = f"html{{background:{TONES[scheme or 'light'][0]}}}body{{margin:0}}{sizes}"
    dark = "" if scheme else f"@media(prefers-color-scheme:dark){{html{{background:{TONES['dark'][0]}}}}}"
    return f'<!doctype html><meta charset="utf-8"><title></title><style>{page}{dark}</style>{image}{narrow}'


def _round_step(range: float, most_ticks: int) -> float:
    rough = range / (most_ticks - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * size for size in ROUND if rough <= power * size * 1.0001)


def _legend(axis: Axis, top: float) -> tuple[str, float]:
    """Returns the names of the series and their units, in as many lines as they take, and where it ends."""
    if not any(series.name or series.unit for _, series in axis.series):
        return "", top
    parts, x, y = list[str](), MARGIN, top + 20
    chars = axis.label_chars if len(axis.places) > 1 else int((axis.width - 2 * MARGIN - 18) / LETTER)
    for place, series in axis.series:
        name = " · ".join(filter(None, (series.name or (str(place + 1) if len(axis.places) > 1 else ""), series.unit)))
        width = 34 + LETTER * min(len(name), chars)
        if x + width > axis.width - MARGIN and x > MARGIN:
            x, y = MARGIN, y + 22
        parts.append(f'<rect class="s{place}" x="{x:g}" y="{y - 10:g}" width="12" height="12" rx="2"/>')
        parts.append(f'<text x="{x + 18:g}" y="{y:g}">{_short(name, chars)}</text>')
        x += width
    return "".join(parts), y + 18


def _bars(axis: Axis, top: float) -> tuple[str, float]:
    """Draws bars from left to right, as words are read: however long these are, and however many."""
    labels = axis.plot.labels
    left = MARGIN + 10 + LETTER * min(max(map(len, labels), default=0), axis.label_chars)
    width = axis.width - left - MARGIN - 28
    along = _scale_within(axis, width)
    group = BAR * len(axis.places) + GAP
    bottom = top + 8 + group * len(labels)
    zero = left + width * along.at(0.0)
    parts = [_tick(left + width * along.at(tick), top, bottom, axis.number(tick), is_zero=tick == 0) for tick in along.ticks]
    for row, label in enumerate(labels):
        y = top + 8 + group * row
        words = _short(label, axis.label_chars)
        parts.append(f'<text class="end" x="{left - 8:g}" y="{y + (group - GAP) / 2 + 5:g}">{words}</text>')
        for at, (place, series) in enumerate(axis.series):
            if (value := series.values[row]) is not None:
                end = left + width * along.at(value)
                parts.append(
                    f'<rect class="s{place}" x="{min(zero, end):.1f}" y="{y + BAR * at:g}" width="{abs(end - zero):.1f}" '
                    f'height="{BAR - 2:g}" rx="1">{axis.said(row, series, value)}</rect>'
                )
    return "".join(parts), bottom + 40


def _scale_within(axis: Axis, width: float) -> Scale:
    """Returns the scale with as many ticks as have room for their numbers beside each other."""
    for most_ticks in range(TICKS, 1, -1):
        along = scale(axis.values, has_zero=True, most_ticks=most_ticks)
        longest = max(len(axis.number(tick)) for tick in along.ticks)
        if (LETTER * longest + 10) * (len(along.ticks) - 1) <= width:
            break
    return along


def _lines(axis: Axis, top: float, line_height: float) -> tuple[str, float]:
    up = scale(axis.values, has_zero=False)
    left, bottom = MARGIN + 10 + LETTER * max(len(axis.number(tick)) for tick in up.ticks), top + 8 + line_height
    step = (axis.width - left - MARGIN - 20) / max(1, len(axis.plot.labels) - 1)
    parts = []
    for tick in up.ticks:
        y = bottom - line_height * up.at(tick)
        parts.append(f'<path class="{"zero" if tick == 0 else "grid"}" d="M{left:.1f} {y:.1f}H{axis.width - MARGIN:g}"/>')
        parts.append(f'<text class="soft end" x="{left - 8:.1f}" y="{y + 4:.1f}">{escape(axis.number(tick))}</text>')
    parts += _labels_below(axis, left, step, bottom + 22)
    for place, series in axis.series:
        points = [
            None if value is None else (left + step * row, bottom - line_height * up.at(value))
            for row, value in enumerate(series.values)
        ]
        parts.append(f'<path class="l{place}" d="{"".join(_strokes(points))}"/>')
        parts.extend(
            f'<circle class="s{place}" cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="3">{axis.said(row, series, value)}</circle>'
            for row, (point, value) in enumerate(zip(points, series.values, strict=True))
            if point and value is not None
        )
    return "".join(parts), bottom + 40


def _labels_below(axis: Axis, left: float, step: float, y: float) -> Iterator[str]:
    """Yields labels at even distances, each within the image and none over the one before it."""
    longest = min(axis.label_chars, max(map(len, axis.plot.labels)))
    every, end = max(1, math.ceil((LETTER * longest + 14) / step)), 0.0
    for place in range(0, len(axis.plot.labels), every):
        label = axis.plot.labels[place]
        half = LETTER * min(len(label), axis.label_chars) / 2
        middle = min(max(left + step * place, half + 4), axis.width - half - 4)
        if middle - half >= end:
            yield f'<text class="soft middle" x="{middle:.1f}" y="{y:g}">{_short(label, axis.label_chars)}</text>'
            end = middle + half + 10


def _strokes(points: Sequence[tuple[float, float] | None]) -> Iterator[str]:
    """Yields the line through these points, which has a gap for a missing one."""
    before = None
    for point in points:
        if point:
            yield f"{'L' if before else 'M'}{point[0]:.1f} {point[1]:.1f}"
        before = point


def _tick(x: float, top: float, bottom: float, words: str, *, is_zero: bool) -> str:
    return (
        f'<path class="{"zero" if is_zero else "grid"}" d="M{x:.1f} {top:g}V{bottom:g}"/>'
        f'<text class="soft middle" x="{x:.1f}" y="{bottom + 20:g}">{escape(words)}</text>'
    )


def _short(words: str, chars: int) -> str:
    return escape(words if len(words) <= chars else f"{words[: chars - 1].rstrip()}…")


def _style(scheme: Scheme) -> str:
    dark = "" if scheme else f"@media(prefers-color-scheme:dark){{{_colours('dark')}}}"
    return (
        "text{font:14px system-ui,sans-serif}.title{font-size:17px;font-weight:600}.end{text-anchor:end}"
        ".middle{text-anchor:middle}.grid,.zero{fill:none;stroke-width:1}path[class^=l]{fill:none;stroke-width:2}"
        f"{_colours(scheme or 'light')}{dark}"
    )


def _colours(scheme: Literal["light", "dark"]) -> str:
    paper, ink, soft, line = TONES[scheme]
    tones = f".paper{{fill:{paper}}}text{{fill:{ink}}}.soft{{fill:{soft}}}.grid{{stroke:{line}}}.zero{{stroke:{soft}}}"
    return tones + "".join(f".s{at}{{fill:{hue}}}.l{at}{{stroke:{hue}}}" for at, hue in enumerate(COLOURS[scheme]))
