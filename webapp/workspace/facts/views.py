"""/facts: what is remembered, each fact with its source and the answers that were given it; and the facts of an answer."""

import json
from typing import Literal

from flask import Blueprint, Response, request, url_for

from webapp.base.languages import gettext as _
from webapp.chat.facts import queries, service
from webapp.chat.facts.imported import MOST_BYTES
from webapp.chat.facts.service import FactChanges, FactInput, FactScope
from webapp.chat.facts.tables import Fact
from webapp.chat.record import projects, queries as chat_queries
from webapp.chat.record.access import visible_message
from webapp.chat.record.tables import Message
from webapp.engine.tables import Generation
from webapp.people.accounts.guards import current_user, found, signed_in, user_or_none
from webapp.people.search import printable
from webapp.web.downloads import download
from webapp.web.htmx import is_htmx, redirect, render
from webapp.web.uploads import expect_files
from webapp.workspace.facts.forms import ME, FactFileForm, FactForm, QuoteForm
from webapp.workspace.page.pages import chat_page_url

bp = Blueprint("facts", __name__)


@bp.get("/facts")
@signed_in
def index() -> Response:
    return _list(FactForm.fresh(scope=f"project:{id}" if (id := request.args.get("project")) else ME))


@bp.post("/facts")
@signed_in
def create() -> Response:
    form = FactForm.opened()
    with form.attempt():
        service.add(FactInput.entered(form.values), by=current_user())
        return redirect(url_for(".index"), _("Remembered."))
    return _list(form)


@bp.url_value_preprocessor
def allow_files(endpoint: str | None, _values: object) -> None:
    """Raises the limit on the body before the form is parsed, for signed-in users and this endpoint only."""
    if endpoint == "facts.upload" and user_or_none():
        expect_files(MOST_BYTES, around_bytes=MOST_BYTES)


@bp.post("/facts/import")
@signed_in
def upload() -> Response:
    form = FactFileForm.opened()
    with form.attempt():
        result = service.import_facts(form.content, FactScope(kind="me", id=""), by=current_user())
        words = _("Proposed: %(proposed)s. Left out: %(left_out)s.", **result._asdict())
        return redirect(url_for(".index", state="proposed"), words)
    return _list(FactForm.fresh(), file_form=form)


@bp.get("/facts/export.json")
@signed_in
def export() -> Response:
    facts = {"facts": queries.records(current_user().id)}
    return download(json.dumps(facts, ensure_ascii=False, indent=1), "facts.json", "application/json")


@bp.get("/facts/<id>")
@signed_in
def show(id: str) -> Response:
    fact = _fact(id)
    scope = f"{fact.scope_kind}:{fact.scope_id}" if fact.scope_id else fact.scope_kind
    return _page(fact, FactForm.fresh(text=fact.text, scope=scope))


@bp.post("/facts/<id>")
@signed_in
def update(id: str) -> Response:
    form = FactForm.opened()
    with form.attempt():
        service.change(_fact(id), FactChanges.entered(form.values), by=current_user())
        return redirect(url_for(".show", id=id), _("Saved."))
    return _page(_fact(id), form)


@bp.post("/facts/<id>/state")
@signed_in
def decide(id: str) -> Response:
    fact = _fact(id)
    was_proposed = fact.state == "proposed"
    service.change(fact, _decided(request.form.get("state", "")), by=current_user())
    return redirect(url_for(".index", state="proposed") if was_proposed else url_for(".show", id=id), _("Saved."))


@bp.post("/facts/<id>/project")
@signed_in
def move(id: str) -> Response:
    scope = FactScope(kind="project", id=request.form.get("project", ""))
    service.change(_fact(id), FactChanges.entered({"scope": scope}), by=current_user())
    return redirect(url_for(".show", id=id), _("Saved."))


@bp.post("/facts/<id>/forget")
@signed_in
def forget(id: str) -> Response:
    receipt = service.forget(_fact(id), by=current_user())
    return redirect(url_for("receipts.show", id=receipt["id"]), _("Forgotten."))


@bp.get("/messages/<id>/facts")
@signed_in
def of_message(id: str) -> Response:
    message, me = visible_message(id), current_user()
    facts, chat = queries.given_to(Generation.message_id == id), chat_queries.chat_of(message)
    readable_facts = queries.read_by(me, facts)
    sources = queries.sources_of(me, readable_facts)
    return render(
        "workspace/facts/_of_answer.html" if is_htmx() else "workspace/facts/of_answer.html",
        facts=[(fact, sources.get(fact.id)) for fact in readable_facts],
        count=max(message.fact_count, len(facts)),
        project=projects.project(me, chat.project_id, rights=(projects.WRITE,)) if chat.project_id else None,
        page_url=url_for(".of_message", id=id),
        back_url=chat_page_url(message.chat_id),
    )


@bp.get("/messages/<id>/remember")
@signed_in
def select(id: str) -> Response:
    return _quoting(visible_message(id), QuoteForm.opened())


@bp.post("/messages/<id>/remember")
@signed_in
def remember(id: str) -> Response:
    message, form = visible_message(id), QuoteForm.opened()
    with form.attempt():
        source = service.quoted(*_quoted_from(message, form), form.quote.data or "", by=current_user())
        service.add(FactInput.entered({**form.values, "source": source}), by=current_user())
        return redirect(chat_page_url(message.chat_id), _("Remembered."))
    return _quoting(message, form)


@bp.get("/messages/<id>/proposals")
@signed_in
def proposals(id: str) -> Response:
    return _proposals(visible_message(id))


@bp.post("/messages/<id>/proposals/<fact>")
@signed_in
def answer(id: str, fact: str) -> Response:
    message = visible_message(id)
    service.change(_fact(fact), _decided(request.form.get("decision", "")), by=current_user())
    return _proposals(message) if is_htmx() else redirect(chat_page_url(message.chat_id), _("Saved."))


def _quoted_from(message: Message, form: QuoteForm) -> tuple[Literal["message", "call"], str]:
    return ("call", form.call.data) if form.call.data else ("message", message.id)


def _quoting(message: Message, form: QuoteForm) -> Response:
    me, back_url = current_user(), chat_page_url(message.chat_id)
    text = service.source_text(*_quoted_from(message, form), by=me)
    return form.offering(me).shown("workspace/facts/remember.html", text=text, message_id=message.id, back_url=back_url)


def _proposals(message: Message) -> Response:
    return render(
        "workspace/facts/_proposals.html" if is_htmx() else "workspace/facts/proposals.html",
        proposals=queries.proposals(current_user(), message),
        message_id=message.id,
        page_url=url_for(".proposals", id=message.id),
        back_url=chat_page_url(message.chat_id),
    )


def _decided(decision: str) -> FactChanges:
    state = "kept" if decision in ("kept", "both") else "refused"
    return FactChanges.entered({"state": state, "keeps_both": decision == "both"})


def _fact(id: str) -> Fact:
    return found(queries.fact(current_user(), id))


def _list(form: FactForm, *, file_form: FactFileForm | None = None) -> Response:
    me, words = current_user(), printable(request.args.get("q", "")).strip()
    state = request.args.get("state", "")
    state = state if state in queries.STATES else "kept"
    project_id = request.args.get("project", "")
    here = [queries.in_scope("project", project_id)] if project_id else []
    rows = queries.facts(me, Fact.state == state, *here, words=words)
    names = {project.id: project.name for project in projects.projects(me)}
    return (file_form or form).shown(
        "workspace/facts/list.html",
        facts=rows,
        words=words,
        state=state,
        project_id=project_id,
        names=names,
        new=form.offering(me),
        file_form=file_form or FactFileForm.fresh(),
    )


def _page(fact: Fact, form: FactForm) -> Response:
    me = current_user()
    source, answers = queries.source_of(me, fact), queries.answers_given(me, fact)
    return form.offering(me, fact).shown(
        "workspace/facts/show.html",
        fact=fact,
        source=source,
        used=queries.use_counts([fact]).get(fact.id, 0),
        answers=answers,
        contradicted=queries.fact(me, fact.contradicts_id) if fact.contradicts_id and fact.state != "kept" else None,
        replaced_by=queries.fact(me, fact.replaced_by_id) if fact.replaced_by_id else None,
    )
