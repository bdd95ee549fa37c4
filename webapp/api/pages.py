"""The API's documentation: /openapi.json for programs, /api for people."""

from threading import Lock
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify

from webapp.accounts.guards import anybody
from webapp.api import openapi, reference
from webapp.web.htmx import render

# The first request makes the document, and all others wait for it.
_making = Lock()
bp = Blueprint("api_pages", __name__)


@bp.get("/openapi.json")
@anybody
def document() -> Response:
    return jsonify(_document(current_app))


@bp.get("/api")
@anybody
def read() -> Response:
    document = _document(current_app)
    return render("api/reference.html", about=document["info"]["description"], sections=reference.sections(document))


def _document(app: Flask) -> dict[str, Any]:
    made: dict[str, Any] = app.extensions.setdefault("openapi", {})
    with _making:
        if not made:
            made.update(openapi.document(app))
    return made
