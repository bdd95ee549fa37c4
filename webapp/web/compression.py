"""Compresses pages and JSON for clients that accept gzip, except where their length could reveal a secret (ADR 30 and 36)."""

import secrets
import struct
import zlib
from collections.abc import Callable, Iterator

from flask import Flask, Response, request

from webapp.base.db import db
from webapp.base.heavy.turns import by_turns

# A shorter body fits into one packet anyway.
LEAST_BYTES = 1024
# 1 % larger than at level 6, in two thirds of the time: 500 KB of text take 10 ms.
LEVEL = 5
# Pages are made for each request: a sixth larger than at level 5, in less than half of the time.
PAGE_LEVEL = 2
PIECE_BYTES = 65_536
RAW, GZIP = -zlib.MAX_WBITS, zlib.MAX_WBITS | 16
# A gzip header with a comment: magic, deflate, the flag, no time, no hints, an unknown system.
COMMENTED = b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\xff"
MOST_PADDING = 256
JSON = ("application/json", "application/problem+json")
# The rooms whose pages show chats, documents and words, and no password, token, key or link that signs in.
WITHOUT_CREDENTIALS = {
    "home", "chat", "list", "messages", "reading", "composer", "picker", "search", "docs", "preferences",
    "knowledge", "documents", "characters", "personas", "lore", "prompts", "plans", "workflows", "runs", "projects",
}  # fmt: skip


def init(app: Flask) -> None:
    """Registers the compression; before all that change a response, as it must run after them."""
    app.after_request(_compressed)


def _compressed(response: Response) -> Response:
    if response.is_streamed or response.content_encoding:
        return response
    if response.mimetype == "text/html" and response.status_code == 200 and _is_safe_page():
        return _with(response, padded, "Accept-Encoding", "Sec-Fetch-Site")
    if response.mimetype in JSON and "Cookie" not in request.headers:
        return _with(response, gzipped, "Accept-Encoding")
    return response


def _is_safe_page() -> bool:
    # Pages of other sites can open ours, with a text of their choice in the address, and count its bytes on the network. They
    # can't make the browser call such a request our own or the person's, who typed it or opened a bookmark; nor can they make it
    # send a token in place of its cookie.
    return request.blueprint in WITHOUT_CREDENTIALS and request.headers.get("Sec-Fetch-Site") in ("same-origin", "none")


def _with(response: Response, compress: Callable[[bytes], bytes], *varies: str) -> Response:
    if len(content := response.get_data()) > LEAST_BYTES:
        response.vary.update(varies)
        if accepts_gzip():
            response.set_data(compress(content))
            response.content_encoding = "gzip"
    return response


def accepts_gzip() -> bool:
    """Returns whether the client accepts gzip, and doesn't prefer the body as it is."""
    accepted = request.accept_encodings
    return accepted.quality("gzip") > 0 and accepted.quality("gzip") >= accepted.quality("identity")


def either(plain: bytes, zipped: bytes, *, mimetype: str) -> Response:
    """Returns the compressed body, or the plain one to a client that doesn't accept gzip."""
    response = Response(plain, mimetype=mimetype)
    if accepts_gzip():
        response.set_data(zipped)
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    return response


def gzipped(content: bytes, level: int = LEVEL) -> bytes:
    """Compresses a body; lets other greenlets run between its pieces if it is long."""
    return _deflated(content, level, GZIP)


def padded(content: bytes) -> bytes:
    """Compresses a page; a comment of random length hides the few bytes by which two pages differ."""
    comment = b" " * secrets.randbelow(MOST_PADDING) + b"\0"
    end = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return COMMENTED + comment + _deflated(content, PAGE_LEVEL, RAW) + end


def _deflated(content: bytes, level: int, window: int) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, window)
    if len(content) <= PIECE_BYTES:
        return compressor.compress(content) + compressor.flush()
    # Holds no database connection while others run.
    db.session.rollback()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(content), PIECE_BYTES):
            yield compressor.compress(content[start : start + PIECE_BYTES])
        yield compressor.flush()

    return b"".join(by_turns(pieces()))
