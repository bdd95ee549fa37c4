"""/prompts/<name>/try: versions of a prompt side by side, on questions that people have asked."""

from flask import Blueprint, Response, request, url_for

from webapp.operations.experiments import tryout_shown, tryouts
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.prompts import queries, service
from webapp.prompts.queries import KnownPrompt
from webapp.web.forms import Form
from webapp.web.htmx import redirect, render

bp = Blueprint("trying", __name__, url_prefix="/prompts")


@bp.get("/<name>/try")
@signed_in
def new(name: str) -> Response:
    return _new(_own(name), Form.fresh())


@bp.post("/<name>/try")
@signed_in
def begin(name: str) -> Response:
    prompt, form = _own(name), Form.opened()
    with form.attempt():
        numbers = [int(each) for each in request.form.getlist("version") if each.isdecimal() and len(each) < 6]
        id = tryouts.begin(prompt, numbers, request.form.getlist("case")[: tryouts.MOST_LISTED], by=current_user())
        return redirect(url_for(".show", id=id))
    return _new(_own(name), form)


@bp.get("/tried/<id>")
@signed_in
def show(id: str) -> Response:
    return render("operations/experiments/tried.html", **tryout_shown.page(found(tryouts.tryout(current_user(), id))))


def _own(name: str) -> KnownPrompt:
    me = current_user()
    prompt = found(queries.prompt(me, name))
    service.refuse_unless_theirs(prompt, me)
    return prompt


def _new(prompt: KnownPrompt, form: Form) -> Response:
    return form.shown("operations/experiments/try.html", **tryout_shown.choices(prompt, current_user()))
