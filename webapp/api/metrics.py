"""/metrics: the metrics of this server for Prometheus; for a token that can read nothing else."""

from flask import Blueprint, Response

from webapp.api.operations import operation
from webapp.operations.health.worker_metrics import METRICS

bp = Blueprint("api_metrics", __name__)
FORMAT = "text/plain; version=0.0.4; charset=utf-8"


@bp.get("/metrics")
@operation("Metrics of this server, in Prometheus text format", scope="metrics", media="text/plain")
def show() -> Response:
    return Response(METRICS.get().text(), content_type=FORMAT)
