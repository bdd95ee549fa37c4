"""Tables of values: which cells are numbers, and what of a table can be plotted."""

import pytest

from tests.support.speed import takes_at_most
from webapp.rendering.tabular import MAX_CELLS, MAX_COLUMNS, MAX_POINTS, decimal_sign, number, plot_of, records, table_of

NUMBERS = {
    "1,234.5": (1234.5, ""),
    "12 %": (12, "%"),
    "€ 3": (3, "€"),
    "-€5": (-5, "€"),
    "−7": (-7, ""),
    "$ -8": (-8, "$"),
    "5k": (5_000, ""),
    "3.2M": (3_200_000, ""),
    "12 kg": (12, "kg"),
    "1 234 567": (1_234_567, ""),
    "1'000.25": (1000.25, ""),
    "0": (0, ""),
}
OTHERS = ("", "x", "2024-01-02", "12.05.2024", "1,23,456", "3 of 4", "1e5", "v1.2.3", "1" * 60, "5 < 6", "=1", "--1")


@pytest.mark.parametrize("cell", NUMBERS)
def test_a_number_has_a_value_and_a_unit(cell):
    assert number(cell) == NUMBERS[cell]


@pytest.mark.parametrize("cell", OTHERS)
def test_other_cells_are_no_numbers(cell):
    assert number(cell) is None


def test_a_comma_is_the_decimal_sign_where_the_numbers_show_it():
    assert number("1.234,5", ",") == (1234.5, "")
    assert decimal_sign(["1.234,5", "2.000"]) == decimal_sign(["3,5"]) == decimal_sign(["1.000.000"]) == ","
    assert decimal_sign(["1,234", "2.5"]) == decimal_sign(["1.234"]) == decimal_sign([]) == "."


def test_words_and_numbers_are_bars_and_times_a_line():
    bars = plot_of(table_of("#,Fruit,Kilos,Price\n1,Pears,3,€ 2\n2,Plums,,€ 4\n"))
    assert bars
    assert (bars.labels, bars.label_name, bars.is_line) == (("Pears", "Plums"), "Fruit", False)
    # Without those that count rows; another unit has an axis of its own.
    assert [(series.name, series.values, series.unit) for series in bars.series] == [
        ("Kilos", (3.0, None), ""),
        ("Price", (2.0, 4.0), "€"),
    ]
    assert bars.axes == [[0], [1]]
    for times in (
        "2019,2020,2021",
        "Jan 2024,Feb 2024,March 2024",
        "2024-01-01,2024-01-02,2024-01-03",
        "Q1,Q2,Q3",
        "1. Mai,2. Mai,3. Mai",
    ):
        rows = "\n".join(f"{time};{value}" for value, time in enumerate(times.split(",")))
        line = plot_of(table_of(f"When;Value\n{rows}"))
        assert line
        assert line.is_line, times


def test_years_are_no_values():
    rivers = plot_of(table_of("city,otters,opened,Since\nBern,12,2019,5\nThun,7,2021,6"))
    assert rivers
    assert [series.name for series in rivers.series] == ["otters"]
    assert plot_of(table_of("city,since\nBern,2019\nThun,2021")) is None
    # They can be the axis, and numbers of their size are values.
    for content, name in (("year,km\n2019,3\n2020,4", "km"), ("wheel,mm\nA,2050\nB,2180", "mm")):
        plot = plot_of(table_of(content))
        assert plot
        assert [series.name for series in plot.series] == [name]


def test_time_goes_from_left_to_right():
    line = plot_of(table_of("Year,Value\n2025,3\n2024,2\n2023,1"))
    assert line
    assert (line.labels, line.series[0].values) == (("2023", "2024", "2025"), (1.0, 2.0, 3.0))


@pytest.mark.parametrize(
    "content",
    ["", "\n", "a", "a,b", "a,b\n1,2", "a,b\nx,y\nz,w", "a\n1\n2", "a,b\nx,1\ny,two", '"' * 99, "a,b\n" + '"x' * 200_000],
)
def test_what_holds_no_values_is_not_plotted(content):
    assert plot_of(table_of(content)) is None


def test_a_huge_table_is_cut():
    content = "\n".join(
        ",".join(["name", *map(str, range(49))] if row else [f"c{at}" for at in range(60)]) for row in range(5_001)
    )
    with takes_at_most(1):
        table = table_of(content)
        plot = plot_of(table)
    assert table.is_cut
    assert (len(table.rows), len(table.head), {len(row) for row in table.rows}) == (
        MAX_CELLS // MAX_COLUMNS,
        MAX_COLUMNS,
        {MAX_COLUMNS},
    )
    assert plot
    assert len(plot.series) * len(plot.labels) <= MAX_POINTS
    assert plot.is_cut


def test_few_characters_are_no_billions_of_cells():
    content = "a" + "," * 100_000 + "\n" + "a\n" * 50_000
    assert table_of(content).is_cut
    assert sum(len(row) for row in records(content)) == 150_001


def test_columns_of_numbers_are_known():
    assert table_of("river,km,source\nElbe,1094,Giant Mountains\nOder,-,Odra\nMain,525,").numeric == {1}
    assert table_of("a,b\n").numeric == frozenset()
