"""/insights: number, success, speed and cost of answers, and the answers that each figure counts."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.operations.insights import queries, shown
from webapp.operations.insights.figures import METRICS
from webapp.people.accounts import directory
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.people.accounts.permissions import may
from webapp.web.downloads import csv_download
from webapp.web.htmx import render

bp = Blueprint("insights", __name__, url_prefix="/insights")
PAGE = 50


@bp.get("")
@signed_in
def index() -> Response:
    choice = shown.chosen(request.args, current_user())
    return render("operations/insights/index.html", chosen=choice, periods=shown.PERIOD_WORDS, **shown.page(choice))


@bp.get("/export.csv")
@signed_in
def export() -> Response:
    choice = shown.chosen(request.args, current_user())
    name = f"millrace-insights-{choice.period}.csv"
    return csv_download(("from (UTC)", *METRICS), shown.cells(choice), name)


@bp.get("/answers")
@signed_in
def answers() -> Response:
    me, cursor = current_user(), request.args.get("cursor", "")[:26]
    choice = shown.chosen(request.args, me)
    rows = queries.newest(choice.wanted, before=cursor, limit=PAGE)
    names = directory.names() if choice.is_everybodys else {me.id: me.name}
    is_last = len(rows) < PAGE
    further: dict[str, Any] = choice.but(cursor="" if is_last else rows[-1].id)
    older = "" if is_last else url_for("insights.answers", **further)
    lines = [shown.row(row, names) for row in rows]
    return render("operations/insights/answers.html", chosen=choice, last=shown.LAST[choice.period], rows=lines, older=older)


@bp.get("/answers/<id>")
@signed_in
def answer(id: str) -> Response:
    me = current_user()
    one = found(queries.generation_of(id, "" if may(me, "administer") else me.id))
    return render("operations/insights/answer.html", one=one, **shown.answer(one, me))
