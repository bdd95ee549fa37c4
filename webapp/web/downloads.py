"""Responses with what people or models wrote: files to save, such as CSV tables in which no cell is a formula, or to look at."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from flask import Response
from werkzeug.utils import get_content_type

NAME_CHARS = 60
# Nothing in such a file runs, sends or requests anything, even where a browser takes it for a page of its own. The style is the
# one by which browsers centre a picture that is opened on its own.
SANDBOXED = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
# Of a file that browsers show in a viewer. Viewers are a plugin of the page that is the file, so `sandbox` would refuse them.
# Nothing in it can run a script.
VIEWED = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
Body = str | bytes | Iterable[str] | Iterable[bytes] | None
# Spreadsheets treat a cell as a formula if it begins with one of these, also after white space.
NUMBER = re.compile(r"[-+]?\d[\d.,]*%?")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def file_name(title: str, ending: str, *, otherwise: str) -> str:
    """Returns a portable file name made of the first words of the title."""
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in title.lower()).split()
    return f"{'-'.join(words)[:NAME_CHARS].strip('-') or otherwise}.{ending}"


def written(body: Body, media_type: str, *, name: str = "", is_shown: bool = False, policy: str = SANDBOXED) -> Response:
    """Returns what people or models wrote, as it is; with a name, as a download, or as a file of that name which browsers show.

    Every route that sends such bytes uses it: they never act as a page of ours.
    """
    response = Response(body, content_type=media_type, headers={"Content-Security-Policy": policy})
    if name:
        response.headers.set("Content-Disposition", "inline" if is_shown else "attachment", **names_in_header(name))
    return response


def download(body: Body, name: str, mimetype: str) -> Response:
    """Returns the body as a download; `name` must not contain quotation marks."""
    response = written(body, get_content_type(mimetype, "utf-8"))
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


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
    """Returns the cell with an apostrophe before anything that would be evaluated, but a number, such as -3, as it is."""
    is_formula = (cell.startswith(FORMULA) or cell.lstrip().startswith(FORMULA)) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell
