"""/knowledge/try: what a search finds for oneself or, as an admin, for another person; and the kept questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from flask import Blueprint, Response, request, url_for

from webapp.base.languages import gettext as _
from webapp.knowledge import queries, shown
from webapp.knowledge.search import tokenizer
from webapp.knowledge.search.ranking import PassageHit, weight_now
from webapp.knowledge.trying import service
from webapp.knowledge.views import visible_collection
from webapp.people.accounts import directory, queries as account_queries
from webapp.people.accounts.guards import audit_author, current_user, found, refuse_unless_admin, signed_in
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.web.forms import Form
from webapp.web.htmx import done_message, redirect
from webapp.web.pick_field import PickField

Reasons = list[tuple[str, int, str]]


@dataclass(frozen=True, slots=True)
class ShownTried:
    """For each hit: how it is shown, its score, what each word adds to it, whether an answer would use it, its meaning rank."""

    hits: list[tuple[shown.ShownHit, str, Reasons, bool, str]]
    too_common: Sequence[str]
    unknown: Sequence[str]
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class ShownTrialQuestion:
    id: str
    text: str
    answer: str
    is_missed: bool


@dataclass(frozen=True, slots=True)
class ShownFigures:
    questions: int
    ndcg: str
    recall: str


class QuestionTryForm(Form):
    person = PickField("Search as", name="as", id="as", choices=[], validate_choice=False, default="")


bp = Blueprint("trying", __name__, url_prefix="/knowledge")
MOST_WEIGHT = 20
DONE = {"kept": "Question saved.", "deleted": "Question deleted.", "measured": "All questions were run."}


@bp.get("/try")
@signed_in
def show() -> Response:
    me, question = current_user(), request.args.get("q", "").strip()[: service.MOST_CHARS]
    form = _form(me)
    with form.attempt():
        return _page(form, question, _viewed(form.person.chosen, is_asked=bool(question)))
    return _page(form, question, None)


@bp.post("/questions")
@signed_in
def keep() -> Response:
    question = request.form.get("question", "")
    service.add(question, request.form.get("document", ""), by=current_user())
    return redirect(url_for("trying.show", q=question, done="kept"))


@bp.post("/questions/run")
@signed_in
def run() -> Response:
    service.run(current_user())
    return redirect(url_for("trying.show", done="measured", _anchor="questions"))


@bp.post("/questions/<id>/delete")
@signed_in
def delete(id: str) -> Response:
    service.forget(id, by=current_user())
    return redirect(url_for("trying.show", done="deleted", _anchor="questions"))


def _form(me: User) -> QuestionTryForm:
    """Returns the form; only admins can choose a person, and `_viewed` refuses anyone else who passes one."""
    form = QuestionTryForm.fresh(person=request.args.get("as", ""))
    if may(me, "administer"):
        form.person.offering(directory.people_to_pick, [("", _("You"))])
    return form


def _page(form: QuestionTryForm, question: str, person: User | None) -> Response:
    me = current_user()
    only = request.args.get("collection", "")
    which, weight = [visible_collection(only).id] if only else [], _weight()
    tried = partial(shown_tried, person or me, question, which, by=me)
    is_asked = bool(question) and person is not None
    return form.shown(
        "knowledge/try.html",
        question=question,
        tried=tried() if is_asked else None,
        other=tried(weight=weight) if is_asked and weight is not None else None,
        weight=weight,
        weight_now=weight_now(),
        viewed=person if person and person.id != me.id else None,
        may_choose=may(me, "administer"),
        collections=shown.collections(me),
        only=only,
        questions=kept(me),
        figures=figures(me),
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
    person = found(account_queries.person(id))
    if is_asked:
        service.viewed_as(person, author=audit_author())
    return found(account_queries.person(id))


def shown_tried(person: User, question: str, collections: Sequence[str], *, by: User, weight: float | None = None) -> ShownTried:
    trial = service.tried(person, question, collections=collections, is_viewed=person.id != by.id, weight=weight)
    query_words = list(tokenizer.query_words(question).values())
    hits = [
        (
            shown.hit(hit, query_words),
            _two_places(hit.score),
            [(reason.word, reason.times, _two_places(reason.share)) for reason in reasons],
            is_given,
            _meant(hit),
        )
        for hit, reasons, is_given in trial.hits
    ]
    return ShownTried(hits, trial.too_common, trial.unknown, trial.left_out)


def kept(user: User) -> list[ShownTrialQuestion]:
    rows, last = service.kept_by(user), service.runs(user)
    missed = set(last[0].misses) if last else set()
    there = {
        document.id: document.title
        for document in queries.documents_among(user, [row.document_id for row in rows if row.document_id])
    }
    return [ShownTrialQuestion(row.id, row.text, _answer(row.document_id, there), row.id in missed) for row in rows]


def figures(user: User) -> list[ShownFigures]:
    """Returns the figures of the last run and of the one before it."""
    return [ShownFigures(run.questions, f"{run.ndcg:.2f}", f"{run.recall:.0%}") for run in service.runs(user)]


def _two_places(value: float) -> str:
    """Formats a score; empty for next to nothing, which is what common words add."""
    return "" if (words := f"{value:.2f}") == "0.00" else words


def _meant(hit: PassageHit) -> str:
    """Describes the ranks by meaning and by words that together decide the rank; empty if meaning did not find the passage."""
    ranked = hit.ranked
    if ranked.vector_rank is None:
        return ""
    values = {"place": ranked.vector_rank, "nearness": f"{hit.nearness or 0:.2f}", "score": f"{ranked.score:.3f}"}
    if not ranked.keyword_rank:
        return _("place %(place)s (nearness %(nearness)s), together %(score)s", **values)
    words = ranked.keyword_rank
    return _("place %(place)s (nearness %(nearness)s), by words %(words)s, together %(score)s", words=words, **values)


def _answer(document_id: str | None, titles: Mapping[str, str]) -> str:
    if document_id is None:
        return _("No document answers it.")
    return titles.get(document_id) or _("A document that you can't see now.")
