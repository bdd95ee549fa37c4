"""The files of a request, and how large they may be: said before anything reads it, so that more than that is never read."""

from typing import IO, cast

from flask import request

from webapp.errors import Invalid, TooLarge
from webapp.web.incoming import Incoming

# What a browser writes around a file, and what is sent beside it.
AROUND_BYTES = 64 * 1024


def expect_files(most_bytes: int, *, files: int = 1, around_bytes: int = AROUND_BYTES) -> None:
    """Let this request bring so many files of that size.

    One that says itself that it has more is refused at once; else the first file that goes beyond it ends the reading.
    """
    incoming = cast(Incoming, request)
    incoming.most_file_bytes = most_bytes
    incoming.max_content_length = most = files * (most_bytes + around_bytes)
    if (incoming.content_length or 0) > most:
        raise TooLarge.file(most_bytes) if files == 1 else TooLarge.together(files * most_bytes)


def sent_file() -> tuple[str, IO[bytes]]:
    """The name and the content of the one that was chosen."""
    file = request.files.get("file")
    if not file or not file.filename:
        raise Invalid("Choose a file.", field="file")
    return file.filename, file.stream
