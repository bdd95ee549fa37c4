"""Tables of values: reads CSV, recognizes columns of numbers, and says what of a table can be plotted. Pure."""

import csv
import io
import re
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

MAX_ROWS, MAX_COLUMNS, MAX_CELLS, MAX_SERIES = 500, 50, 10_000, 12
# More bars than that are no picture: the rows after them are left out.
MAX_POINTS = 2_000
MAX_LABEL_CHARS, MAX_NUMBER_CHARS = 200, 40
DELIMITERS = ",;\t|"
MISSING = {"", "-", "–", "—", "?", "n/a", "na", "none", "null", "nan", "k. a.", "k.a."}
# Counts of rows are no values.
COUNTERS = {"#", "no", "no.", "nr", "nr.", "rank", "rang", "id", "index"}
# Nor are years, which can be the axis.
YEARS, FIRST_YEAR, LAST_YEAR = {"year", "since", "jahr", "seit"}, 1900, 2100
CURRENCY = "€$£¥₹"
NUMBER = re.compile(
    rf"(?P<sign>[-−–+])?\s*(?P<before>[{CURRENCY}]|EUR|USD|GBP|CHF)?\s*(?P<inner>[-−–+])?"
    rf"(?P<digits>\d(?:[\d.,'’\s]*\d)?)\s*(?P<after>%|‰|°?[^\W\d_]{{1,12}}[²³]?|[{CURRENCY}])?"
)
SCALES = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "bn": 1e9, "Mio": 1e6, "Mrd": 1e9}
# Thousands are set off by three digits each.
WRITTEN = {
    sign: re.compile(rf"(?:\d{{1,3}}(?:[{group}\s'’]\d{{3}})+|\d+)(?:[{sign}]\d+)?") for sign, group in ((".", ","), (",", "."))
}
# What shows which of both signs is the decimal one: it stands last, alone, and not before exactly three digits.
COMMA_DECIMAL = re.compile(r"\d,(?:\d{1,2}|\d{4,})$|\.\d{3},\d|\d\.\d{3}\.\d{3}")
POINT_DECIMAL = re.compile(r"\d\.(?:\d{1,2}|\d{4,})$|,\d{3}\.\d|\d,\d{3},\d{3}")
MONTHS = "jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez"
DATE = re.compile(r"[12]\d{3}(?:[-/.]\d{2}){0,2}")
TIME = re.compile(
    r"[12]\d{3}(?:[-/.]\d{1,2}){0,2}|\d{1,2}[./]\d{1,2}[./](?:\d{2}){1,2}|\d{1,2}:\d{2}"
    rf"|(?:q|h|kw|cw|week|woche|day|tag|month|monat|year|jahr)[ .-]?\d{{1,4}}(?:[ /]\d{{2,4}})?"
    rf"|(?:\d{{1,2}}\.? )?(?:{MONTHS})[a-zäé]{{0,8}}\.?(?:[ ,/-]+\d{{1,4}}){{0,2}}",
    re.I,
)
# Series share an axis if the largest value of one is at most this many times that of the other.
SHARED_SIZE = 12
# So many points are a course.
LEAST_OF_LINE = 3


@dataclass(frozen=True, slots=True)
class Table:
    """The first rows and columns of a table; `is_cut` if it has more."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_cut: bool = False

    @property
    def numeric(self) -> frozenset[int]:
        """The places of the columns of numbers, which stand under each other by their ends."""
        return frozenset(_numeric(list(zip(*self.rows, strict=True))))


@dataclass(frozen=True, slots=True)
class PlotSeries:
    """The values of a column, all of one unit; None where one is missing."""

    name: str
    values: tuple[float | None, ...]
    unit: str = ""

    @property
    def size(self) -> float:
        return max(abs(value) for value in self.values if value is not None)


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn of a table: series of values over the same labels, as a line if these are times."""

    labels: tuple[str, ...]
    series: tuple[PlotSeries, ...]
    label_name: str = ""
    is_line: bool = False
    is_cut: bool = False

    @property
    def axes(self) -> list[list[int]]:
        """The places of the series that share an axis: those of one unit and size, as smaller ones would be flat."""
        axes = list[list[int]]()
        for place, series in enumerate(self.series):
            firsts = [(axis, self.series[axis[0]]) for axis in axes]
            if axis := next((axis for axis, first in firsts if _shares_axis(first, series)), None):
                axis.append(place)
            else:
                axes.append([place])
        return axes


def records(content: str) -> Iterator[list[str]]:
    """Yields the rows of CSV, whichever delimiter it has, up to the first that is none."""
    content = content.lstrip("\ufeff\n")
    first_line = content.partition("\n")[0]
    lines = csv.reader(io.StringIO(content), delimiter=max(DELIMITERS, key=first_line.count), skipinitialspace=True)
    with suppress(csv.Error):
        yield from (row for row in lines if any(map(str.strip, row)))


def table_of(content: str) -> Table:
    """Returns the first rows and columns of CSV, each row with all columns."""
    rows = records(content)
    head = next(rows, [])
    width = min(MAX_COLUMNS, len(head))
    most = min(MAX_ROWS, MAX_CELLS // max(1, width))
    body = list(islice(rows, most + 1))
    filled = (tuple(cell.strip() for cell in (*row[:width], *[""] * (width - len(row)))) for row in body[:most])
    return Table(tuple(cell.strip() for cell in head[:width]), tuple(filled), len(body) > most or len(head) > width)


def plot_of(table: Table) -> Plot | None:
    """Returns what can be drawn of a table: a column of words or times and columns of numbers; None if there is neither."""
    columns = list(zip(*table.rows, strict=True))
    if len(columns) < 2 or len(table.rows) < 2:
        return None
    numbers = _numeric(columns)
    label = _label_column(columns, numbers)
    numbers = {
        place: read for place, read in numbers.items() if place != label and not _counts_or_dates(table.head[place], read[0])
    }
    if not numbers:
        return None
    series = [PlotSeries(table.head[place], values, unit) for place, (values, unit) in numbers.items()][:MAX_SERIES]
    is_cut = table.is_cut or len(series) < len(numbers) or len(series) * len(table.rows) > MAX_POINTS
    most = MAX_POINTS // len(series)
    labels = tuple(cell[:MAX_LABEL_CHARS] for cell in columns[label][:most])
    cut = [replace(column, values=column.values[:most]) for column in series]
    shown = tuple(column for column in cut if any(value is not None for value in column.values))
    if all(map(DATE.fullmatch, labels)) and list(labels) == sorted(labels, reverse=True):
        # The newest row can be the first one, but time goes from left to right.
        labels, shown = labels[::-1], tuple(replace(column, values=column.values[::-1]) for column in shown)
    is_line = len(labels) >= LEAST_OF_LINE and all(TIME.fullmatch(cell) for cell in labels)
    return Plot(labels, shown, table.head[label], is_line, is_cut)


def decimal_sign(cells: Sequence[str]) -> str:
    """Returns the decimal sign of a table's numbers, a point unless the numbers show that it is a comma."""
    digits = [match["digits"] for cell in cells if (match := _matched(cell))]
    has_commas, has_points = (any(map(sign.search, digits)) for sign in (COMMA_DECIMAL, POINT_DECIMAL))
    return "," if has_commas and not has_points else "."


def number(cell: str, sign: str = ".") -> tuple[float, str] | None:
    """Returns the number in a cell and its unit, such as 12.5 and `%`; None if it isn't one number."""
    match = _matched(cell)
    if not match:
        return None
    if not WRITTEN[sign].fullmatch(match["digits"]) or (match["sign"] and match["inner"]):
        return None
    digits = re.sub(r"[\s'’]", "", match["digits"]).replace("." if sign == "," else ",", "").replace(sign, ".")
    scale = SCALES.get(match["after"] or "", 1.0)
    after = "" if scale > 1 else match["after"] or ""
    is_negative = any(part in {"-", "−", "–"} for part in (match["sign"], match["inner"]))
    return float(digits) * scale * (-1 if is_negative else 1), match["before"] or after


def _matched(cell: str) -> re.Match[str] | None:
    return NUMBER.fullmatch(cell) if cell and len(cell) <= MAX_NUMBER_CHARS else None


def _numeric(columns: Sequence[Sequence[str]]) -> dict[int, tuple[tuple[float | None, ...], str]]:
    """Returns the values and the unit of the columns of numbers, by their places."""
    sign = decimal_sign([cell for column in columns for cell in column])
    return {place: numbers for place, column in enumerate(columns) if (numbers := _numbers(column, sign))}


def _numbers(column: Sequence[str], sign: str) -> tuple[tuple[float | None, ...], str] | None:
    """Returns a column's values and their unit, if it consists of numbers of one unit."""
    entries = [number(cell, sign) for cell in column]
    numbers = [entry for entry in entries if entry]
    is_all = all(entry or cell.lower() in MISSING for entry, cell in zip(entries, column, strict=True))
    if not is_all or len(numbers) * 2 < len(column) or len({unit for _, unit in numbers}) != 1:
        return None
    return tuple(entry[0] if entry else None for entry in entries), numbers[0][1]


def _label_column(columns: Sequence[Sequence[str]], numbers: Container[int]) -> int:
    """Returns the first column if it has times, or the first one with words, or else the first one that doesn't count."""
    if all(TIME.fullmatch(cell) for cell in columns[0]):
        return 0
    return next((place for place in range(len(columns)) if place not in numbers), 0)


def _shares_axis(first: PlotSeries, other: PlotSeries) -> bool:
    small, large = sorted((first.size, other.size))
    return first.unit == other.unit and (small * SHARED_SIZE >= large or small == 0)


def _counts_or_dates(name: str, values: Sequence[float | None]) -> bool:
    are_years = all(value and value.is_integer() and FIRST_YEAR <= value <= LAST_YEAR for value in values)
    return are_years or name.lower() in COUNTERS | YEARS
