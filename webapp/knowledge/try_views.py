"""/knowledge/try: a question as anybody would have it answered, and questions that are kept to see how the search does."""

from functools import partial

from flask import Blueprint, Response, request, url_for

from webapp.accounts import queries as accounts
from webapp.accounts.guards import client_address, current_user, found, refuse_unless_admin, signed_in
from webapp.accounts.roles import may
from webapp.accounts.tables import User
from webapp.knowledge import questions, questions_shown, shown, trying
from webapp.knowledge.access import visible_collection
from webapp.knowledge.search import weight_now
from webapp.web.done_words import just_done
from webapp.web.htmx import redirect, render

bp = Blueprint("try", __name__, url_prefix="/knowledge")
MOST_WEIGHT = 20
DONE = {"kept": "Question kept.", "deleted": "Question deleted.", "measured": "All questions were asked."}


@bp.get("/try")
@signed_in
def show() -> Response:
    me, question = current_user(), request.args.get("q", "").strip()[: questions.MOST_CHARS]
    person = _viewed(request.args.get("as", ""), is_asked=bool(question))
    only = request.args.get("collection", "")
    which, weight = [visible_collection(only).id] if only else [], _weight()
    tried = partial(questions_shown.tried, person, question, which, by=me)
    return render(
        "knowledge/try.html",
        question=question,
        tried=tried() if question else None,
        other=tried(weight=weight) if question and weight is not None else None,
        weight=weight,
        weight_now=weight_now(),
        viewed=person if person.id != me.id else None,
        people=[row for row, _ in accounts.people()] if may(me.role, "administer") else [],
        collections=shown.collections(me),
        only=only,
        questions=questions_shown.kept(me),
        figures=questions_shown.figures(me),
        done=just_done(DONE),
    )


@bp.post("/questions")
@signed_in
def keep() -> Response:
    question = request.form.get("question", "")
    questions.keep(question, request.form.get("document", ""), by=current_user())
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


def _weight() -> float | None:
    """With which weight of meaning the order is to be compared; what is none is not asked for."""
    try:
        typed = float(request.args.get("weight", "").replace(",", "."))
    except ValueError:
        return None
    return typed if 0 <= typed <= MOST_WEIGHT else None


def _viewed(id: str, *, is_asked: bool) -> User:
    """Who is looked for: oneself or, for admins, anybody, which is written down."""
    me = current_user()
    if id in ("", me.id):
        return me
    refuse_unless_admin(me)
    person = found(accounts.person(id))
    if is_asked:
        trying.viewed_as(person, by=me, address=client_address())
    return found(accounts.person(id))
