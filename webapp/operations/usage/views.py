"""/admin/usage: answers, tokens and dollars, by person and model."""

from flask import Blueprint, Response, request

from webapp.operations.usage import shown as usage_shown
from webapp.people.accounts.guards import admin_only
from webapp.web.downloads import csv_download
from webapp.web.htmx import render
from webapp.workspace.home.checklist import checklist

bp = Blueprint("usage", __name__, url_prefix="/admin/usage")
# Account pages show a person's usage, connection pages the checklist.
bp.add_app_template_global(usage_shown.one_person, "usage_of")
bp.add_app_template_global(checklist)
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
    "answers with unknown tokens",
    "answers with unknown cost",
    "paid by",
)


@bp.get("")
@admin_only
def index() -> Response:
    days = _days()
    return render("operations/usage/usage.html", everybody=usage_shown.team_usage(days), days=days, periods=PERIODS)


@bp.get("/export.csv")
@admin_only
def export() -> Response:
    days = _days()
    return csv_download(HEAD, usage_shown.cells(days), f"millrace-usage-{days}-days.csv")


def _days() -> int:
    days = request.args.get("days", "")
    return next((period for period in PERIODS if str(period) == days), usage_shown.USUAL_DAYS)
