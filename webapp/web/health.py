"""For those who watch over the process: is it alive, can it work."""

from functools import cache

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from webapp.config import ROOT
from webapp.extensions import db
from webapp.web.guards import anybody

bp = Blueprint("health", __name__)

OLD_SCHEMA = "The database is not prepared for this version. Stop the server and run: flask prepare"
NO_DATABASE = "The database does not answer."


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


def trouble_with_database() -> str:
    """Why no work can be done with the database now, or nothing."""
    try:
        with db.engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError:
        return NO_DATABASE
    return "" if found == newest_revision() else OLD_SCHEMA


@cache
def newest_revision() -> str | None:
    return ScriptDirectory(str(ROOT / "migrations")).get_current_head()
