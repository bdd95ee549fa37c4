"""Compresses JSON for clients that accept gzip, except where its length could reveal a secret (ADR 30)."""

import zlib
from collections.abc import Iterator

from flask import Flask, Response, request

from webapp.api.operations import JSON
from webapp.api.responses import PROBLEM
from webapp.base.db import db
from webapp.base.heavy.turns import by_turns

# A shorter body fits into one packet anyway.
LEAST_BYTES = 1024
# 1 % larger than at level 6, in two thirds of the time: 500 KB of text take 10 ms.
LEVEL = 5
PIECE_BYTES = 65_536
GZIP = zlib.MAX_WBITS | 16


def init(app: Flask) -> None:
    """Registers the compression; it must be registered first, because it must run after all that change a response."""
    app.after_request(_compressed)


def _compressed(response: Response) -> Response:
    if response.is_streamed or response.mimetype not in (JSON, PROBLEM) or response.content_encoding:
        return response
    # A page of another site can make a browser send its cookie, choose part of what is answered, and see its length; it can't
    # make it send a token.
    if "Cookie" in request.headers or (response.content_length or 0) <= LEAST_BYTES:
        return response
    response.vary.add("Accept-Encoding")
    if accepts_gzip():
        response.set_data(gzipped(response.get_data()))
        response.content_encoding = "gzip"
    return response


def accepts_gzip() -> bool:
    """Returns whether the client accepts gzip, and doesn't prefer the body as it is."""
    accepted = request.accept_encodings
    return accepted.quality("gzip") > 0 and accepted.quality("gzip") >= accepted.quality("identity")


def gzipped(content: bytes) -> bytes:
    """Compresses a body; lets other greenlets run between its pieces if it is long."""
    if len(content) > PIECE_BYTES:
        # Holds no database connection while others run.
        db.session.rollback()
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(content), PIECE_BYTES):
            yield compressor.compress(content[start : start + PIECE_BYTES])
        yield compressor.flush()

    return b"".join(by_turns(pieces()))
