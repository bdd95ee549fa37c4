"""The first page: a greeting, a composer for a new chat, what to begin with, and what waits or runs."""

from collections.abc import Sequence

from flask import Blueprint, Response, request, url_for

from webapp.base.db import db, utc_now
from webapp.base.errors import Conflict, Invalid
from webapp.characters import queries as character_queries
from webapp.chat.calls import choosing
from webapp.chat.messages import drafts, sending, side_by_side
from webapp.chat.messages.forms import MessageForm
from webapp.chat.record import projects, queries
from webapp.chat.record.leader import led_kinds
from webapp.chat.record.model_choice import MOST_BESIDE, models_to_ask, starting_choice
from webapp.chat.record.tables import Chat, Project
from webapp.engine.tables import Generation
from webapp.engine.watching.views import list_url
from webapp.knowledge.service import MOST_COLLECTIONS, attachable
from webapp.models.connections import model_marks
from webapp.models.connections.local_servers import LOCAL_SERVERS
from webapp.models.presets.choice import id_in
from webapp.people import preferences
from webapp.people.accounts.guards import current_user, signed_in
from webapp.people.accounts.kept_pages import let_be_kept
from webapp.people.accounts.tables import User
from webapp.web.htmx import fragment, is_htmx, navigate, redirect
from webapp.web.security import with_microphone
from webapp.workspace.home.checklist import next_steps
from webapp.workspace.home.greeting import COOKIE, greeting
from webapp.workspace.home.open_work_shown import open_work
from webapp.workspace.home.starters.shown import starters
from webapp.workspace.home.welcome_shown import welcome
from webapp.workspace.page.mentions_shown import take_picture_command
from webapp.workspace.page.pages import chat_page_url, composer, first_composer_with_error, restore_draft
from webapp.workspace.page.prompt_insertion_views import prompt_redirect, refuse_unknown
from webapp.workspace.projects import service as project_service, shown as projects_shown
from webapp.workspace.roleplay import service as roleplay_service

bp = Blueprint("home", __name__)


@bp.get("/")
@signed_in
def show() -> Response:
    me, project_id = current_user(), request.args.get("project", "")
    project = projects.project(me, project_id, rights=(projects.WRITE,)) if project_id else None
    model, models = request.args.get("model") or _usual_choice(me, project), request.args.getlist("models")[:MOST_BESIDE]
    if models and model not in models and not id_in(model):
        model = models[0]
    form = MessageForm.new(model=model, knowledge=request.args.getlist("knowledge")[:MOST_COLLECTIONS])
    form.tools.data = request.args.getlist("tools")[: choosing.MOST_TOOLS] or None
    form.models.data = models or None
    form.project.data = project.id if project else ""
    form.temporary.data = bool(request.args.get("temporary")) and not project
    form.spoken_by.data = request.args.get("character", "")
    if not request.args:
        let_be_kept()
    return _home(form)


@bp.post("/chats")
@signed_in
def begin() -> Response:
    form, me = MessageForm(), current_user()
    if answer := prompt_redirect(form):
        return answer
    take_picture_command(form)
    with form.attempt():
        refuse_unknown(form)
        project = project_service.writable(me, form.project.data) if form.project.data else None
        generation = begin_chat(form, attachable(form.knowledge.data or (), (), me), project)
        model = "" if form.models.data else form.model.data or ""
        if model and model != _usual_choice(current_user(), project):
            model_marks.choose(current_user().id, model)
        return navigate(chat_page_url(generation.chat_id))
    return first_composer_with_error(form) if is_htmx() else _home(form)


def _usual_choice(me: User, project: Project | None) -> str:
    return (project.model if project else "") or starting_choice(me)


def begin_chat(form: MessageForm, reads: Sequence[str], project: Project | None) -> Generation:
    """Starts a chat with its first message; with a character if the form names one.

    Models side by side stay the chat's even if another answers the first message alone.
    """
    if project and form.temporary.data:
        raise Conflict(project_service.TEMPORARY)
    me, model, answered_by = current_user(), form.model.data or "", form.answered_by.data or ""
    key, is_temporary = form.key.data or "", form.temporary.data
    models = models_to_ask(form.models.data or (), by=me.id)
    beside = [] if answered_by or form.alone.data else models
    if id := form.spoken_by.data:
        if not (character := character_queries.SEEN_CHARACTERS.one(me, id)):
            raise Invalid("This character no longer exists, or you don't have access.", field="message")
        generation = roleplay_service.begin_by_message(
            character,
            form.text,
            by=me,
            key=key,
            model=model,
            answered_by=answered_by,
            reads=reads,
            is_temporary=is_temporary,
            project_id=project.id if project else None,
            models=beside,
        )
    else:
        generation = sending.start_chat(
            form.text,
            model=model,
            key=key,
            owner_id=me.id,
            options=sending.TYPED_OPTIONS,
            is_temporary=is_temporary,
            reads=reads,
            answered_by=answered_by,
            tools=choosing.checked(me, form.tools.data or ()) if choosing.are_offered(None) else (),
            models=beside,
            project=project,
        )
    if models and (chat := db.session.get_one(Chat, generation.chat_id)).models != models:
        side_by_side.choose(chat, models)
    return generation


@bp.post("/home/dismiss")
@signed_in
def dismiss() -> Response:
    preferences.dismiss(current_user(), request.form.get("hint", ""))
    return fragment() if is_htmx() else redirect(url_for("home.show"))


def _home(form: MessageForm) -> Response:
    me = current_user()
    restore_draft(form, drafts.draft_in(me.id), drafts.mentions_in(me.id))
    more = composer(form, send_url=url_for("home.begin"))
    del more["form"]
    # The stream's position is taken before anything is read.
    more |= {"live_url": list_url("open-work"), "greeting": greeting(me.name, request.cookies.get(COOKIE, ""), utc_now())}
    project = projects.project(me, form.project.data) if form.project.data else None
    more |= {"temporary": queries.temporary_chat(me.id, without=led_kinds()), "project": project, "work": open_work(me)}
    more["starters"] = starters(me, project.id if project else None)
    more["cast"] = projects_shown.cast(me, project) if project else {}
    steps = next_steps(me)
    found_servers = LOCAL_SERVERS.get().first_look() if steps and me.is_admin else ()
    more |= {"checklist": steps, "found_servers": found_servers, "welcome": () if steps else welcome(me)}
    page = form.shown("workspace/home/home.html", may_be_temporary=True, **more)
    return with_microphone(page) if more["dictation_url"] else page
