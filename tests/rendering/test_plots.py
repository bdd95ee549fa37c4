"""Plots: axes with round ticks, and images that are well-formed whatever the table says."""

import math
from random import Random
from xml.etree import ElementTree

import pytest

from webapp.rendering import plots
from webapp.rendering.plots import scale
from webapp.rendering.tabular import Plot, PlotSeries, plot_of, table_of

SVG = "{http://www.w3.org/2000/svg}"


def drawn(plot: Plot, **options: float) -> ElementTree.Element:
    image = plots.svg(plot, title="A & <b>", description='"x" <y>', number=lambda value: f"{value:,.10g}", **options)
    return ElementTree.fromstring(image)


@pytest.mark.parametrize(
    ("values", "has_zero", "ticks"),
    [
        ([3, 9], True, (0, 2, 4, 6, 8, 10)),
        ([-3, -9], True, (-10, -8, -6, -4, -2, 0)),
        ([0.1, 0.7], True, (0, 0.2, 0.4, 0.6, 0.8)),
        ([980, 1010], False, (980, 990, 1000, 1010)),
        ([10, 90], False, (0, 20, 40, 60, 80, 100)),
        ([5], True, (0, 1, 2, 3, 4, 5)),
        ([0], True, (0, 0.2)),
    ],
)
def test_ticks_are_round(values, has_zero, ticks):
    assert scale(values, has_zero=has_zero).ticks == ticks


def test_any_values_are_between_the_ends_of_their_axis():
    random = Random(5)
    for _ in range(2_000):
        values = [random.choice((-1, 1)) * 10 ** random.uniform(-9, 25) for _ in range(random.randint(1, 6))]
        for has_zero in (True, False):
            axis = scale(values, has_zero=has_zero)
            assert 2 <= len(axis.ticks) <= 9
            assert all(-1e-9 <= axis.at(value) <= 1 + 1e-9 for value in values)
            assert all(map(math.isfinite, axis.ticks))


def test_bars_begin_at_zero_and_are_named_and_missing_values_have_none():
    image = drawn(Plot(("x", "<y>"), (PlotSeries("One", (4.0, None), "%"), PlotSeries("Two", (-2.0, 6.0), "%")), "Letter"))
    assert (image[0].tag, image[0].text, image[1].text) == (f"{SVG}title", "A & <b>", '"x" <y>')
    bars = [bar for bar in image.iter(f"{SVG}rect") if bar.find(f"{SVG}title") is not None]
    assert [bar.findtext(f"{SVG}title") for bar in bars] == ["x · One: 4 %", "x · Two: -2 %", "<y> · Two: 6 %"]
    one, minus, _ = ((float(bar.attrib["x"]), float(bar.attrib["width"])) for bar in bars)
    assert minus[0] + minus[1] == pytest.approx(one[0], abs=0.2)
    assert one[1] == pytest.approx(2 * minus[1], abs=0.2)


def test_a_line_is_broken_where_a_value_is_missing():
    image = drawn(Plot(("1", "2", "3", "4"), (PlotSeries("One", (1.0, 2.0, None, 3.0)),), is_line=True))
    [line] = [path.attrib["d"] for path in image.iter(f"{SVG}path") if path.attrib["class"] == "l0"]
    assert (line.count("M"), line.count("L")) == (2, 1)
    assert len(list(image.iter(f"{SVG}circle"))) == 3


def test_series_of_other_sizes_and_units_have_an_axis_of_their_own():
    columns = {"Revenue": (412_000.0, 388_000.0), "Cost": (90_000.0, 80_000.0), "Units": (31.0, 27.0)}
    series = [*(PlotSeries(name, values) for name, values in columns.items()), PlotSeries("Margin", (12.0, 14.0), "%")]
    plot = Plot(("January", "February"), tuple(series), "Month")
    assert plot.axes == [[0, 1], [2], [3]]
    widths = {
        bar.findtext(f"{SVG}title"): float(bar.attrib["width"])
        for bar in drawn(plot).iter(f"{SVG}rect")
        if bar.find(f"{SVG}title") is not None
    }
    assert widths["January · Units: 31"] > 100
    assert widths["January · Margin: 12 %"] > 100
    assert plot.axes == Plot(plot.labels, plot.series, is_line=True).axes


@pytest.mark.parametrize("width", [plots.WIDTH, plots.NARROW])
@pytest.mark.parametrize("is_line", [True, False])
def test_no_words_are_over_each_other_or_beyond_the_edge(width, is_line):
    labels = tuple(f"{'A long name of a place' if row % 3 else 'Short'} {row}" for row in range(40))
    plot = Plot(labels, (PlotSeries("Value", tuple(row * 1e9 for row in range(40))),), "Place", is_line=is_line)
    lines: dict[str, list[tuple[float, float]]] = {}
    for text in drawn(plot, width=width).iter(f"{SVG}text"):
        long, x = plots.LETTER * len(text.text or ""), float(text.attrib["x"])
        kind = text.attrib.get("class", "")
        start = x - (long / 2 if "middle" in kind else long if "end" in kind else 0)
        lines.setdefault(text.attrib["y"], []).append((start, start + long))
    for places in lines.values():
        ends = [0.0, *(end for _, end in sorted(places))]
        assert all(start >= end for (start, _), end in zip(sorted(places), ends, strict=False)), places
        assert ends[-1] <= width


def test_its_colours_are_those_of_the_page_around_it():
    plot = Plot(("x", "y"), (PlotSeries("One", (1.0, 2.0)),))
    system, light, dark = (
        plots.svg(plot, title="", description="", number=str, scheme=scheme) for scheme in ("", "light", "dark")
    )
    assert "prefers-color-scheme:dark" in system
    assert "prefers-color-scheme" not in light + dark
    assert ".s0{fill:#6fcbda}" in dark
    assert ".s0{fill:#00667c}" in light


def test_whatever_a_table_says_its_plot_is_an_image_without_scripts():
    evil = '</title><script>alert(1)</script><a href=javascript:x>\\" onload=x \u2028 ]]>'
    plot = plot_of(table_of(f'{evil.replace(",", "")};"{evil}"\n{evil};3\n{evil};4\n'.replace('"', "")))
    assert plot
    image = drawn(plot)
    assert {element.tag.removeprefix(SVG) for element in image.iter()} <= {
        "svg",
        "title",
        "desc",
        "style",
        "rect",
        "text",
        "path",
    }
    assert not [name for element in image.iter() for name in element.attrib if name.startswith("on") or name == "href"]
