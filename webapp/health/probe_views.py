"""For programs that watch the process: is it alive, can it work."""

from flask import Blueprint, Response, jsonify

from webapp.accounts.guards import anybody
from webapp.db_state import trouble_with_database

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@anybody
def alive() -> Response:
    return jsonify(status="ok")


@bp.get("/readyz")
@anybody
def ready() -> Response:
    trouble = trouble_with_database()
    response = jsonify(status="not ready", detail=trouble) if trouble else jsonify(status="ready")
    response.status_code = 503 if trouble else 200
    return response
