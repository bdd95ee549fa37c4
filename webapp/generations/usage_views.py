"""/admin/usage: how many answers, tokens and dollars, by whom and of which model."""

from flask import Blueprint, Response, request

from webapp.generations import usage_shown
from webapp.web.guards import admin_only
from webapp.web.htmx import render
from webapp.web.spreadsheet import csv_text

bp = Blueprint("usage", __name__, url_prefix="/admin/usage")
PERIODS = (7, usage_shown.USUAL_DAYS, 90)
HEAD = (
    "day (UTC)",
    "person",
    "email",
    "model",
    "answers",
    "tokens in",
    "tokens out",
    "cost (US dollars)",
    "answers of unknown tokens",
    "answers of unknown cost",
)


@bp.get("")
@admin_only
def index() -> Response:
    days = _days()
    return render("admin/usage.html", everybody=usage_shown.everybody(days), days=days, periods=PERIODS)


@bp.get("/export.csv")
@admin_only
def export() -> Response:
    days = _days()
    headers = {"Content-Disposition": f"attachment; filename=millrace-usage-{days}-days.csv"}
    return Response(csv_text(HEAD, usage_shown.cells(days)), mimetype="text/csv", headers=headers)


def _days() -> int:
    days = request.args.get("days", "")
    return next((each for each in PERIODS if str(each) == days), usage_shown.USUAL_DAYS)
