"""/begin: the form of a card of the home page, whose text is sent or edited first; /admin/home changes the cards."""

from typing import Any

from flask import Blueprint, Response, request, url_for
from wtforms.fields.choices import SelectChoice

from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.chat.attachments import service as attachment_service
from webapp.chat.files.attachments import MOST_FILES, parted
from webapp.chat.messages import drafts, sending
from webapp.models.connections import model_marks
from webapp.models.connections.models import the_models
from webapp.people.accounts.guards import admin_only, audit_author, current_user, found, signed_in, user_or_none
from webapp.prompts.template import objections
from webapp.web.htmx import done_message, redirect, render
from webapp.web.uploads import expect_files
from webapp.workspace.home.starters import service, shown
from webapp.workspace.home.starters.forms import BeginForm, StarterForm
from webapp.workspace.home.starters.service import FROM_LIBRARY, OWN_PROMPT, Starter
from webapp.workspace.page.pages import chat_page_url
from webapp.workspace.page.prompt_insertion_views import InsertablePrompt, attach, insertable
from webapp.workspace.projects import service as project_service

bp = Blueprint("starters", __name__)
DONE = {"saved": "Saved.", "reset": "Reset to the card that comes with Millrace."}


@bp.url_value_preprocessor
def allow_files(endpoint: str | None, _values: object) -> None:
    """Raises the upload limit before anything parses the form."""
    if endpoint == "starters.begin" and request.method == "POST" and user_or_none():
        expect_files(attachment_service.most_bytes(), files=MOST_FILES)


@bp.get("/begin/<slot>")
@signed_in
def show(slot: str) -> Response:
    starter, prompt = _filled_in(slot)
    return _form(starter, prompt, BeginForm.first(), {})


@bp.post("/begin/<slot>")
@signed_in
def begin(slot: str) -> Response:
    starter, prompt = _filled_in(slot)
    form, values = BeginForm(), _values_of(prompt)
    errors = objections(prompt.fields, values)
    with form.attempt():
        if errors:
            raise Invalid("Check the marked fields.")
        return _begun(starter, prompt, form, prompt.text(values))
    return _form(starter, prompt, form, values, errors)


@bp.get("/admin/home")
@admin_only
def index() -> Response:
    me = current_user()
    cards = [(starter, shown.opened(starter, me)) for starter in service.starters()]
    return render("workspace/home/starters/list.html", cards=cards, done=done_message(DONE))


@bp.get("/admin/home/<slot>")
@admin_only
def edit(slot: str) -> Response:
    starter = _starter(slot)
    return _editor(starter, StarterForm.from_row(starter))


@bp.post("/admin/home/<slot>")
@admin_only
def update(slot: str) -> Response:
    starter, form, me = _starter(slot), StarterForm(), current_user()
    with form.attempt():
        paths = [entry.path for entry in shown.pages(me)]
        service.change(starter.slot, form.entered, pages=paths, by=me, author=audit_author())
        return redirect(url_for(".index", done="saved"))
    return _editor(starter, form)


@bp.post("/admin/home/<slot>/reset")
@admin_only
def reset(slot: str) -> Response:
    service.reset(_starter(slot).slot, author=audit_author())
    return redirect(url_for(".index", done="reset"))


def _starter(slot: str) -> Starter:
    return found(service.starter(slot))


def _filled_in(slot: str) -> tuple[Starter, InsertablePrompt]:
    """Returns a card that opens a prompt, and that prompt."""
    starter = _starter(slot)
    if starter.prompt_id:
        return starter, found(insertable(current_user(), starter.prompt_id))
    return starter, found(None if starter.path else InsertablePrompt("", "", starter.hint, starter.parts))


def _values_of(prompt: InsertablePrompt) -> dict[str, str]:
    return {field.name: request.form.get(f"field-{field.name}", "").replace("\r\n", "\n") for field in prompt.fields}


def _begun(starter: Starter, prompt: InsertablePrompt, form: BeginForm, text: str) -> Response:
    """Sends the text and its files as a new chat's first message, or puts both into the composer of the home page."""
    if starter.takes_files and not form.edit.data and not any(file.filename for file in request.files.getlist("file")):
        raise Invalid("Choose a file.", field="part")
    me, id = current_user(), request.args.get("project")
    project = project_service.writable(me, id) if id else None
    form.message.data = text
    reads = attach(prompt, drafts.NEW_CHAT, by=me)
    message = form.text
    if form.edit.data:
        drafts.save(me.id, message)
        return redirect(url_for("home.show", knowledge=reads, project=id))
    generation = sending.start_chat(
        message,
        model=(project.model if project else "") or the_models().default(model_marks.preferred_model(me), me.id),
        key=form.key.data or "",
        owner_id=me.id,
        options=sending.TYPED_OPTIONS,
        reads=reads,
        title_words=_own_words(starter, prompt, message),
        project=project,
    )
    return redirect(chat_page_url(generation.chat_id))


def _own_words(starter: Starter, prompt: InsertablePrompt, message: str) -> str:
    """Returns what the person wrote into the form, else the name of the first file: the card's own words would name all alike."""
    values = _values_of(prompt)
    written = (values[field.name].strip() for field in prompt.fields if field.kind in ("text", "long"))
    names = (file.name for file in parted(message)[1])
    return next(filter(None, (*written, *names)), starter.words)


def _form(
    starter: Starter, prompt: InsertablePrompt, form: BeginForm, values: dict[str, str], errors: dict[str, str] | None = None
) -> Response:
    context: dict[str, Any] = {"starter": starter, "prompt": prompt, "values": values, "errors": errors or {}}
    context |= {"project_id": request.args.get("project")}
    return form.shown("workspace/home/starters/show.html", **context)


def _editor(starter: Starter, form: StarterForm) -> Response:
    me = current_user()
    prompts = [
        SelectChoice(f"{FROM_LIBRARY}{prompt.id}", _("Prompt: %(title)s", title=prompt.title)) for prompt in service.library(me)
    ]
    pages = [SelectChoice(entry.path, _("Page: %(title)s", title=_(entry.title))) for entry in shown.pages(me)]
    form.opens.choices = [SelectChoice(OWN_PROMPT, _("Custom prompt")), *prompts, *pages]
    return form.shown("workspace/home/starters/edit.html", starter=starter)
