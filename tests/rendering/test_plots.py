"""Plots: axes with round ticks, and images that are well-formed whatever the table says."""

import math
from random import Random
from xml.etree import ElementTree

import pytest

from webapp.rendering import plots
from webapp.rendering.plots import scale
from webapp.rendering.tabular import Plot, PlotSeries, plot_of, table_of

SVG = "{http://www.w3.org/2000/svg}"


def drawn(plot: Plot, **options: str) -> ElementTree.Element:
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
    image = drawn(Plot(("x", "<y>"), (PlotSeries("One", (4.0, None)), PlotSeries("Two", (-2.0, 6.0))), "Letter", "%"))
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
