"""Compresses JSON for clients that accept gzip, except where its length could reveal a secret (ADR 30)."""

from flask import Flask, Response, request

from webapp.api.operations import JSON
from webapp.api.responses import PROBLEM
from webapp.web.compression import LEAST_BYTES, accepts_gzip, gzipped


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
