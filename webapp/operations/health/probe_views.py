"""Probes for monitoring: whether the process is alive, and whether it is ready."""

from flask import Blueprint, Response, jsonify

from webapp.base.current_config import the_config
from webapp.base.database.state import trouble_with_database
from webapp.engine.engine import the_engine
from webapp.operations.health.database_facts import trouble_with_disk
from webapp.operations.health.server_facts import trouble_with_redis
from webapp.people.accounts.guards import anybody

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@anybody
def alive() -> Response:
    return jsonify(status="ok")


@bp.get("/readyz")
@anybody
def ready() -> Response:
    if trouble := trouble_with_database() or trouble_with_disk(the_config().data_dir):
        response = jsonify(status="not ready", detail=trouble)
        response.status_code = 503
        return response
    trouble = trouble_with_redis(the_engine())
    return jsonify(status="degraded", detail=trouble) if trouble else jsonify(status="ready")
