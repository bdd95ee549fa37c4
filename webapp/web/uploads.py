"""Uploaded files, and limits on their size that are set before the body is read."""

from typing import IO, cast

from flask import request

from webapp.base.errors import Invalid, TooLarge
from webapp.base.heavy.turns import YieldingStream
from webapp.web.server.request_parsing import Incoming

# Room for the multipart headers around a file, and for other fields.
AROUND_BYTES = 64 * 1024


def expect_files(most_bytes: int, *, files: int = 1, around_bytes: int = AROUND_BYTES) -> None:
    """Allows this request to upload up to `files` files of this size.

    A request whose Content-Length is larger is refused immediately; otherwise reading stops at the first file above the limit.
    """
    incoming = cast(Incoming, request)
    incoming.most_file_bytes = most_bytes
    incoming.max_content_length = most = files * (most_bytes + around_bytes)
    if (incoming.content_length or 0) > most:
        raise TooLarge.file(most_bytes) if files == 1 else TooLarge.together(files * most_bytes)


def expect_picture(most_bytes: int) -> None:
    """Allows this request a form with a picture of up to this size; one that is larger is refused beside its field."""
    request.max_content_length = (request.max_content_length or 0) + most_bytes
    request.environ["wsgi.input"] = YieldingStream(request.environ["wsgi.input"])


def sent_file() -> tuple[str, IO[bytes]]:
    """Returns name and content of the uploaded file; raises Invalid without one."""
    file = request.files.get("file")
    if not file or not file.filename:
        raise Invalid("Choose a file.", field="file")
    return file.filename, file.stream
