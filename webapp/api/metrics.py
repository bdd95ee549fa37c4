"""/metrics: this process's metrics for Prometheus; for admins, whose scraper uses a token of theirs."""

from collections.abc import Callable

from flask import Blueprint, Response, current_app

from webapp.api.operations import operation

bp = Blueprint("api_metrics", __name__)
FORMAT = "text/plain; version=0.0.4; charset=utf-8"


@bp.get("/metrics")
@operation("Metrics of this process, in Prometheus text format", scope="admin", media="text/plain")
def show() -> Response:
    text: Callable[[], bytes] = current_app.extensions["metrics"]
    return Response(text(), content_type=FORMAT)
