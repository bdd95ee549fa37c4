"""The API's documentation: /openapi.json for programs, /api for people."""

import json
from threading import Lock
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request

from webapp.api import openapi, reference
from webapp.api.compression import accepts_gzip, gzipped
from webapp.api.operations import JSON
from webapp.base.current import PerApp
from webapp.people.accounts.guards import anybody
from webapp.web.htmx import render

# The first request makes the document, and all others wait for it.
_making = Lock()
DOCUMENT = PerApp[dict[str, Any]](dict)
COMPRESSED = PerApp[dict[str, bytes]](dict)
bp = Blueprint("api_pages", __name__)


@bp.get("/openapi.json")
@anybody
def document() -> Response:
    """Returns the document, which is written and compressed once: it is the same for every caller."""
    kept = COMPRESSED.get()
    if not kept:
        plain = json.dumps(_document(current_app), separators=(",", ":")).encode()
        kept.update({"": plain, "gzip": gzipped(plain)})
    encoding = "gzip" if accepts_gzip() else ""
    response = Response(kept[encoding], mimetype=JSON)
    response.vary.add("Accept-Encoding")
    if encoding:
        response.content_encoding = encoding
    response.add_etag()
    response.make_conditional(request)
    return response


@bp.get("/api")
@anybody
def read() -> Response:
    document = _document(current_app)
    return render("api/reference.html", about=document["info"]["description"], sections=reference.sections(document))


def _document(app: Flask) -> dict[str, Any]:
    made = DOCUMENT.of(app)
    with _making:
        if not made:
            made.update(openapi.document(app))
    return made
