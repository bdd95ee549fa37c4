"""Responses that a browser saves as files."""

from collections.abc import Iterable

from flask import Response

NAME_CHARS = 60


def file_name(title: str, ending: str, *, otherwise: str) -> str:
    """Returns a portable file name made of the first words of the title."""
    words = "".join(each if each.isascii() and each.isalnum() else " " for each in title.lower()).split()
    return f"{'-'.join(words)[:NAME_CHARS].strip('-') or otherwise}.{ending}"


def download(body: str | bytes | Iterable[str] | Iterable[bytes], name: str, mimetype: str) -> Response:
    """Returns the body as a download; `name` must not contain quotation marks."""
    return Response(body, mimetype=mimetype, headers={"Content-Disposition": f'attachment; filename="{name}"'})
