"""/prompts/<name>/try: versions of a prompt side by side, on questions that people have asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, request, url_for
from markupsafe import Markup

from webapp.base.db import utc_now
from webapp.engine.costs import cost
from webapp.engine.tables import Generation
from webapp.operations.experiments import tryouts
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.people.accounts.tables import User
from webapp.prompts import queries, service
from webapp.rendering import markdown
from webapp.rendering.text import title
from webapp.web.filters import number
from webapp.web.forms import Form
from webapp.web.htmx import redirect, render

bp = Blueprint("tryouts", __name__, url_prefix="/prompts")
# After this time, an answer that was never requested is considered lost with its worker.
PATIENCE = timedelta(minutes=10)
TITLE_CHARS = 120


@bp.get("/<name>/try")
@signed_in
def new(name: str) -> Response:
    return _new(_own(name), Form.fresh())


@bp.post("/<name>/try")
@signed_in
def begin(name: str) -> Response:
    prompt, form = _own(name), Form.opened()
    with form.attempt():
        numbers = [int(number) for number in request.form.getlist("version") if number.isdecimal() and len(number) < 6]
        id = tryouts.begin(prompt, numbers, request.form.getlist("case")[: tryouts.MOST_LISTED], by=current_user())
        return redirect(url_for(".show", id=id))
    return _new(_own(name), form)


@bp.get("/tried/<id>")
@signed_in
def show(id: str) -> Response:
    return render("operations/experiments/tried.html", **page(found(tryouts.tryout(current_user(), id))))


def _own(name: str) -> queries.KnownPrompt:
    me = current_user()
    prompt = found(queries.prompt(me, name))
    service.PROMPTS.refuse_unless_owner(prompt, me)
    return prompt


def _new(prompt: queries.KnownPrompt, form: Form) -> Response:
    return form.shown("operations/experiments/try.html", **choices(prompt, current_user()))


@dataclass(frozen=True, slots=True)
class ShownTryout:
    """One answer; `facts` are its duration and cost."""

    version: int
    html: Markup
    error: str
    facts: str
    is_waiting: bool


def choices(prompt: queries.KnownPrompt, me: User) -> dict[str, Any]:
    """Returns the choices of the form: the newest versions, two of them selected, and the person's last questions."""
    versions = queries.versions(prompt)
    used = queries.in_use(prompt, versions).number if versions else 0
    ticked = {used, next((version.number for version in versions if version.number != used), used)}
    rows = [(case.id, title(case.content, TITLE_CHARS) or "…") for case in tryouts.cases(me)]
    return {"prompt": prompt, "versions": versions[:10], "ticked": ticked, "used": used, "cases": rows}


def page(one: tryouts.Tryout) -> dict[str, Any]:
    rows = tryouts.answers_of(one)
    shown: dict[str, list[ShownTryout]] = {}
    for answer, generation in rows:
        shown.setdefault(f"{answer.place}", []).append(_shown(answer, generation))
    questions: Mapping[str, str] = {f"{answer.place}": answer.question for answer, _ in rows}
    cases = [(questions[index], tries) for index, tries in shown.items()]
    totals = [
        (version, cost([generation for answer, generation in rows if generation and answer.version == version]))
        for version in one.versions
    ]
    return {
        "one": one,
        "tries": cases,
        "totals": totals,
        "is_running": any(tryout.is_waiting for _, row in cases for tryout in row),
    }


def _shown(answer: tryouts.TryoutAnswer, generation: Generation | None) -> ShownTryout:
    is_lost = not answer.is_done and utc_now() - answer.created_at > PATIENCE
    facts = " · ".join(part for part in (_seconds(generation), cost([generation]) if generation else "") if part)
    html = Markup(markdown.render(answer.text)) if answer.text else Markup()
    error = tryouts.LEFT if is_lost else answer.error
    return ShownTryout(
        answer.version, html, error, facts if answer.is_done else "", is_waiting=not answer.is_done and not is_lost
    )


def _seconds(one: Generation | None) -> str:
    if one is None or not one.started_at or not one.ended_at:
        return ""
    return f"{number(round((one.ended_at - one.started_at).total_seconds(), 1))} s"
