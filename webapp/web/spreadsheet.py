"""Writes CSV tables in which no cell is a formula. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence

# Spreadsheets treat a cell as a formula if it begins with one of these, also after white space.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_text(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns CSV as in RFC 4180, in UTF-8 with a byte order mark, by which spreadsheets recognize it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return "\ufeff" + text.getvalue()


def harmless(cell: str) -> str:
    """Returns the cell as text, with an apostrophe before anything that would be evaluated."""
    return f"'{cell}" if cell.startswith(FORMULA) or cell.lstrip().startswith(FORMULA) else cell
