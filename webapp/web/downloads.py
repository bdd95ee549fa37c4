"""Responses that a browser saves as files, such as CSV tables in which no cell is a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from flask import Response

NAME_CHARS = 60
# Of a file that browsers show in a viewer. Viewers are a plugin of the page that is the file, so `sandbox` would refuse them.
# Nothing in it can run a script.
VIEWER_HEADERS = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}
# Spreadsheets treat a cell as a formula if it begins with one of these, also after white space.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def file_name(title: str, ending: str, *, otherwise: str) -> str:
    """Returns a portable file name made of the first words of the title."""
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in title.lower()).split()
    return f"{'-'.join(words)[:NAME_CHARS].strip('-') or otherwise}.{ending}"


def download(body: str | bytes | Iterable[str] | Iterable[bytes], name: str, mimetype: str) -> Response:
    """Returns the body as a download; `name` must not contain quotation marks."""
    return Response(body, mimetype=mimetype, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def names_in_header(name: str) -> dict[str, str]:
    """Returns a file's own name for `Content-Disposition`; one with non-ASCII characters is percent-encoded as `filename*`."""
    plain = name.encode("ascii", "ignore").decode().strip() or "file"
    return {"filename": plain} if name.isascii() else {"filename": plain, "filename*": f"UTF-8''{quote(name, safe='')}"}


def csv_download(head: Sequence[str], rows: Iterable[Sequence[str]], name: str) -> Response:
    return download(csv_text(head, rows), name, "text/csv")


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
