"""Files that a browser saves."""

from collections.abc import Iterable

from flask import Response

NAME_CHARS = 60


def file_name(title: str, ending: str, *, otherwise: str) -> str:
    """A name that every system takes, of the first words of the title."""
    words = "".join(each if each.isascii() and each.isalnum() else " " for each in title.lower()).split()
    return f"{'-'.join(words)[:NAME_CHARS].strip('-') or otherwise}.{ending}"


def download(body: str | bytes | Iterable[str] | Iterable[bytes], name: str, mimetype: str) -> Response:
    """The body as a file with this name, which holds no quotation marks."""
    return Response(body, mimetype=mimetype, headers={"Content-Disposition": f'attachment; filename="{name}"'})
