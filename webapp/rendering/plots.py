"""Draws values of a table as an SVG image: bars over words, lines over times, with axes, a legend and words. Pure."""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Literal, NamedTuple

from webapp.rendering.tabular import Plot, PlotSeries

Scheme = Literal["", "light", "dark"]
WIDTH, MARGIN, LINE_HEIGHT = 560.0, 16.0, 280.0
# How wide a letter of 14 pixels is, at most on average.
LETTER, LABEL_CHARS, TICKS = 7.6, 24, 6
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


def scale(values: Sequence[float], *, has_zero: bool) -> Scale:
    """Returns an axis with round ticks that shows all these values, and zero where bars begin there."""
    low, high = min(values), max(values)
    # A line far above zero would otherwise be flat.
    if has_zero or 0 <= low <= high / 2:
        low, high = min(0.0, low), max(0.0, high)
    step = _round_step((high - low) or abs(high) or 1.0)
    first, last = math.floor(low / step), math.ceil(high / step)
    last += first == last
    # By the places of the step, so that 3 * 0.1 is 0.3.
    places = max(0, 2 - math.floor(math.log10(step)))
    ticks = tuple(round(step * place, min(places, 300)) for place in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], ticks)


def svg(plot: Plot, *, title: str, description: str, number: Callable[[float], str], scheme: Scheme = "") -> str:
    """Returns the plot as an SVG image that stands alone; `number` writes a value as the reader does."""
    values = [value for series in plot.series for value in series.values if value is not None]
    axis = scale(values, has_zero=not plot.is_line)
    legend, top = _legend(plot.series)
    words = " · ".join(filter(None, (plot.series[0].name if len(plot.series) == 1 else "", plot.unit)))
    draw = _lines if plot.is_line else _bars
    body, height = draw(plot, axis, top + (24 if words else 0), number)
    head = f'<text class="soft" x="{MARGIN}" y="{top + 12}">{_short(words, 60)}</text>' if words else ""
    name = _short(title, 56)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-labelledby="t d">'
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(description)}</desc><style>{_style(scheme)}</style>'
        f'<rect class="paper" width="{WIDTH:g}" height="{height:g}"/>'
        f'<text class="title" x="{MARGIN}" y="30">{name}</text>{legend}{head}{body}</svg>'
    )


def document(image: str, scheme: Scheme = "") -> str:
    """Returns the HTML document for the preview's iframe; in a narrow one it is scrolled, as its words would be too small."""
    sizes = "svg{display:block;width:100%;min-width:20rem;max-width:60rem}"
    page = f"html{{background:{TONES[scheme or 'light'][0]}}}body{{margin:0}}{sizes}"
    dark = "" if scheme else f"@media(prefers-color-scheme:dark){{html{{background:{TONES['dark'][0]}}}}}"
    return f'<!doctype html><meta charset="utf-8"><title></title><style>{page}{dark}</style>{image}'


def _round_step(range: float) -> float:
    rough = range / (TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * size for size in ROUND if rough <= power * size * 1.0001)


def _legend(series: Sequence[PlotSeries]) -> tuple[str, float]:
    """Returns the names of the series, in as many lines as they take, and where it ends."""
    if len(series) < 2:
        return "", 48.0
    parts, x, y = list[str](), MARGIN, 54.0
    for number, one in enumerate(series):
        name = _short(one.name or str(number + 1), LABEL_CHARS)
        width = 34 + LETTER * min(len(one.name), LABEL_CHARS)
        if x + width > WIDTH - MARGIN and x > MARGIN:
            x, y = MARGIN, y + 22
        parts.append(f'<rect class="s{number}" x="{x:g}" y="{y - 10:g}" width="12" height="12" rx="2"/>')
        parts.append(f'<text x="{x + 18:g}" y="{y:g}">{name}</text>')
        x += width
    return "".join(parts), y + 18


def _bars(plot: Plot, axis: Scale, top: float, number: Callable[[float], str]) -> tuple[str, float]:
    """Draws bars from left to right, as words are read: however long these are, and however many."""
    longest = max(map(len, plot.labels), default=0)
    left = MARGIN + 10 + LETTER * min(longest, LABEL_CHARS)
    width = WIDTH - left - MARGIN - 28
    group = BAR * len(plot.series) + GAP
    bottom = top + 8 + group * len(plot.labels)
    zero = left + width * axis.at(0.0)
    parts = [_tick(left + width * axis.at(tick), top, bottom, number(tick), is_zero=tick == 0) for tick in axis.ticks]
    for row, label in enumerate(plot.labels):
        y = top + 8 + group * row
        parts.append(f'<text class="end" x="{left - 8:g}" y="{y + (group - GAP) / 2 + 5:g}">{_short(label, LABEL_CHARS)}</text>')
        for place, series in enumerate(plot.series):
            if (value := series.values[row]) is not None:
                end = left + width * axis.at(value)
                said = _said(label, series, number(value), plot.unit)
                parts.append(
                    f'<rect class="s{place}" x="{min(zero, end):.1f}" y="{y + BAR * place:g}" width="{abs(end - zero):.1f}" '
                    f'height="{BAR - 2:g}" rx="1">{said}</rect>'
                )
    parts.append(f'<text class="soft end" x="{left - 8:g}" y="{bottom + 40:g}">{_short(plot.label_name, LABEL_CHARS)}</text>')
    return "".join(parts), bottom + 56


def _lines(plot: Plot, axis: Scale, top: float, number: Callable[[float], str]) -> tuple[str, float]:
    widest = max(len(number(tick)) for tick in axis.ticks)
    left, bottom = MARGIN + 10 + LETTER * widest, top + LINE_HEIGHT
    step = (WIDTH - left - MARGIN - 20) / max(1, len(plot.labels) - 1)
    parts = []
    for tick in axis.ticks:
        y = bottom - LINE_HEIGHT * axis.at(tick)
        parts.append(f'<path class="{"zero" if tick == 0 else "grid"}" d="M{left:.1f} {y:.1f}H{WIDTH - MARGIN:g}"/>')
        parts.append(f'<text class="soft end" x="{left - 8:.1f}" y="{y + 4:.1f}">{escape(number(tick))}</text>')
    longest = min(LABEL_CHARS, max(map(len, plot.labels)))
    every = max(1, math.ceil((LETTER * longest + 14) / step))
    for place in range(0, len(plot.labels), every):
        x = left + step * place
        is_last = x + LETTER * longest / 2 > WIDTH
        anchor = "start" if x < LETTER * longest / 2 else "end" if is_last else "middle"
        label = _short(plot.labels[place], LABEL_CHARS)
        parts.append(f'<text class="soft {anchor}" x="{x + 20 if anchor == "end" else x:.1f}" y="{bottom + 22:g}">{label}</text>')
    for which, series in enumerate(plot.series):
        points = [
            None if value is None else (left + step * place, bottom - LINE_HEIGHT * axis.at(value))
            for place, value in enumerate(series.values)
        ]
        parts.append(f'<path class="l{which}" d="{"".join(_strokes(points))}"/>')
        parts.extend(
            f'<circle class="s{which}" cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="3">'
            f"{_said(plot.labels[place], series, number(value), plot.unit)}</circle>"
            for place, (point, value) in enumerate(zip(points, series.values, strict=True))
            if point and value is not None
        )
    parts.append(f'<text class="soft middle" x="{(left + WIDTH) / 2:g}" y="{bottom + 44:g}">{_short(plot.label_name, 60)}</text>')
    return "".join(parts), bottom + 58


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


def _said(label: str, series: PlotSeries, value: str, unit: str) -> str:
    named = f"{label} · {series.name}" if series.name else label
    return f"<title>{escape(named)}: {escape(value)}{escape(f' {unit}') if unit else ''}</title>"


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
