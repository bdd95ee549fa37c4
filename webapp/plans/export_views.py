"""Downloads of a plan, and its comparison with the plan it was started again from."""

from flask import Blueprint, Response

from webapp.base.db import utc_now
from webapp.people.accounts.guards import found, signed_in
from webapp.plans import export, queries
from webapp.plans.access import own_plan, planner
from webapp.plans.tables import Plan
from webapp.rendering.difference import difference
from webapp.web.downloads import download, file_name
from webapp.web.htmx import render

bp = Blueprint("plan_files", __name__)


@bp.get("/plans/<id>.md")
@signed_in
def markdown(id: str) -> Response:
    return _file(own_plan(id), _text(own_plan(id)), "md", "text/markdown")


@bp.get("/plans/<id>.json")
@signed_in
def json(id: str) -> Response:
    plan = own_plan(id)
    return _file(plan, export.as_json(plan.content), "json", "application/json")


@bp.get("/plans/<id>.ics")
@signed_in
def calendar(id: str) -> Response:
    plan = own_plan(id)
    text = export.as_calendar(plan.id, plan.title, plan.about, plan.content, queries.inputs_of(plan).values, now=utc_now())
    return _file(plan, text, "ics", "text/calendar")


@bp.get("/plans/<id>/changes")
@signed_in
def changes(id: str) -> Response:
    """Compares a plan with the earlier plan it was started again from."""
    plan = own_plan(id)
    before = found(queries.own_plan(planner().id, plan.again_of_id or ""))
    return render("plans/changes.html", plan=plan, before=before, lines=difference(_text(before), _text(plan)))


def _text(plan: Plan) -> str:
    return export.as_markdown(plan.title, plan.schema, plan.content, frozenset(plan.ticked))


def _file(plan: Plan, text: str, ending: str, kind: str) -> Response:
    return download(text, file_name(plan.title, ending, otherwise="plan"), kind)
