"""/knowledge/try: what a search finds for oneself or, as an admin, for another person; and the kept questions."""

from functools import partial

from flask import Blueprint, Response, request, url_for

from webapp.knowledge import shown
from webapp.knowledge.access import visible_collection
from webapp.knowledge.search.ranking import weight_now
from webapp.knowledge.trying import questions
from webapp.knowledge.trying import shown as questions_shown
from webapp.people.accounts import directory
from webapp.people.accounts import queries as accounts
from webapp.people.accounts.guards import client_address, current_user, found, refuse_unless_admin, signed_in
from webapp.people.accounts.roles import may
from webapp.people.accounts.tables import User
from webapp.web.forms import Form
from webapp.web.htmx import done_message, redirect
from webapp.web.pick_field import PickField


class TryForm(Form):
    person = PickField("As", name="as", id="as", choices=[], validate_choice=False, default="")


bp = Blueprint("try", __name__, url_prefix="/knowledge")
MOST_WEIGHT = 20
DONE = {"kept": "Question kept.", "deleted": "Question deleted.", "measured": "All questions were asked."}


@bp.get("/try")
@signed_in
def show() -> Response:
    me, question = current_user(), request.args.get("q", "").strip()[: questions.MOST_CHARS]
    form = _form(me)
    with form.attempt():
        return _page(form, question, _viewed(form.person.chosen, is_asked=bool(question)))
    return _page(form, question, None)


@bp.post("/questions")
@signed_in
def keep() -> Response:
    question = request.form.get("question", "")
    questions.add(question, request.form.get("document", ""), by=current_user())
    return redirect(url_for("try.show", q=question, done="kept"))


@bp.post("/questions/run")
@signed_in
def run() -> Response:
    questions.run(current_user())
    return redirect(url_for("try.show", done="measured", _anchor="questions"))


@bp.post("/questions/<id>/delete")
@signed_in
def delete(id: str) -> Response:
    questions.forget(id, by=current_user())
    return redirect(url_for("try.show", done="deleted", _anchor="questions"))


def _form(me: User) -> TryForm:
    """Returns the form; only admins can choose a person, and `_viewed` refuses anyone else who passes one."""
    form = TryForm.fresh(person=request.args.get("as", ""))
    if may(me.role, "administer"):
        form.person.offering(directory.people_to_pick, [("", "You")])
    return form


def _page(form: TryForm, question: str, person: User | None) -> Response:
    me = current_user()
    only = request.args.get("collection", "")
    which, weight = [visible_collection(only).id] if only else [], _weight()
    tried = partial(questions_shown.tried, person or me, question, which, by=me)
    is_asked = bool(question) and person is not None
    return form.shown(
        "knowledge/try.html",
        question=question,
        tried=tried() if is_asked else None,
        other=tried(weight=weight) if is_asked and weight is not None else None,
        weight=weight,
        weight_now=weight_now(),
        viewed=person if person and person.id != me.id else None,
        may_choose=may(me.role, "administer"),
        collections=shown.collections(me),
        only=only,
        questions=questions_shown.kept(me),
        figures=questions_shown.figures(me),
        done=done_message(DONE),
    )


def _weight() -> float | None:
    """Returns the weight of meaning to compare with, or None if the parameter is not a valid weight."""
    try:
        typed = float(request.args.get("weight", "").replace(",", "."))
    except ValueError:
        return None
    return typed if 0 <= typed <= MOST_WEIGHT else None


def _viewed(id: str, *, is_asked: bool) -> User:
    """Returns the person to search as: oneself or, for admins, anyone, which is recorded in the audit log."""
    me = current_user()
    if id in ("", me.id):
        return me
    refuse_unless_admin(me)
    person = found(accounts.person(id))
    if is_asked:
        questions.viewed_as(person, by=me, address=client_address())
    return found(accounts.person(id))
