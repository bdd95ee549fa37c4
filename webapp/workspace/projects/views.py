"""/projects: the list of projects, their pages and people; /chats/<id>/project puts a chat into one."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.base import topic_names
from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.chat.imports import MOST_PROJECT_BYTES
from webapp.chat.messages import drafts
from webapp.chat.messages.forms import MessageForm
from webapp.chat.record import projects, unfolded
from webapp.chat.record.access import own_chat
from webapp.chat.record.model_choice import starting_choice
from webapp.chat.record.tables import Project
from webapp.engine.engine import the_engine
from webapp.engine.watching import watchers
from webapp.engine.watching.lane_feed import now_in
from webapp.engine.watching.lists import ListFeed, LiveList
from webapp.engine.watching.views import list_url
from webapp.engine.watching.watcher_loop import watch
from webapp.knowledge import formats, shown as knowledge_shown
from webapp.knowledge.documents import project_files, service as document_service
from webapp.people.accounts.guards import audit_author, came_from, current_user, found, signed_in, user_or_none
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.people.search import printable
from webapp.people.things import shares_shown
from webapp.people.things.views import add_people_pages, add_trash_pages, own, seen, trash_for_list
from webapp.web.downloads import download, file_name
from webapp.web.htmx import is_htmx, page_path, redirect, render
from webapp.web.security import with_microphone
from webapp.web.uploads import expect_files, sent_file
from webapp.workspace.list import bulk, shown as list_shown
from webapp.workspace.page.pages import chat_page_url, composer, restore_draft
from webapp.workspace.page.shown import ShownChat
from webapp.workspace.projects import service, shown
from webapp.workspace.projects.forms import DETAILS, PARTS, ArchiveForm, NewProjectForm, ProjectForm

MOST_FILES = 20
bp = Blueprint("projects", __name__, url_prefix="/projects")
chats = Blueprint("project_chats", __name__)


@bp.app_template_global()
def project_of_chat(chat: ShownChat) -> Project | None:
    """Returns the project of a chat if its viewer sees it; without one there is no query."""
    return projects.project(current_user(), chat.project_id) if chat.project_id else None


@bp.get("")
@signed_in
def index() -> Response:
    return _index(NewProjectForm.fresh())


@bp.post("")
@signed_in
def create() -> Response:
    form = NewProjectForm.opened()
    with form.attempt():
        return _to(service.create(form.entered, by=current_user()).id)
    return _index(form)


@bp.get("/import")
@signed_in
def choose_archive() -> Response:
    return ArchiveForm.fresh().shown("workspace/projects/import.html", result=None)


@bp.post("/import")
@signed_in
def bring_in() -> Response:
    # Imported with the first file: with its parsers it takes half a megabyte.
    from webapp.workspace.projects import importing

    form, result = ArchiveForm.opened(), None
    with form.attempt():
        result = importing.import_project(current_user(), sent_file()[1])
    return form.shown("workspace/projects/import.html", result=result)


@bp.get("/<id>")
@signed_in
def show(id: str) -> Response:
    # Before the list is read, so that no change is lost between the page and its event stream.
    me, at = current_user(), now_in(*topic_names.for_person(current_user().id))
    row, words, args = seen(service.PROJECTS, id), printable(request.args.get("q", "")).strip(), request.args
    values = shown.chats_values(me, id, whose=args.get("chats", ""), after=args.get("before", ""), words=words)
    project = shown.project(row, me)
    around = {**_files(id, me), **(_composer(row, me) if project.can_write else {}), **values}
    page = render(
        "workspace/projects/show.html",
        project=project,
        row=row,
        cast=shown.cast(me, row),
        start=shown.start(me, row),
        may_share=may(me, "see people"),
        accepted=formats.ACCEPTED,
        readable=formats.IN_WORDS,
        events_url=url_for("projects.events", id=id, at=at, chats=values["tab"] or None)
        if values["is_first"] and not words
        else "",
        **(shares_shown.in_card(service.PROJECTS, id) if project.is_own else {}),
        **around,
    )
    return with_microphone(page) if around.get("dictation_url") else page


@bp.url_value_preprocessor
def allow_files(endpoint: str | None, _values: object) -> None:
    """Raises the upload limit before anything parses the form; only for signed-in people, and only on these routes."""
    if endpoint == "projects.add_files" and user_or_none():
        expect_files(document_service.most_bytes(), files=MOST_FILES)
    if endpoint == "projects.bring_in" and user_or_none():
        expect_files(MOST_PROJECT_BYTES)


@bp.post("/<id>/files")
@signed_in
def add_files(id: str) -> Response:
    project, sent = seen(service.PROJECTS, id), [file for file in request.files.getlist("file") if file.filename]
    if not sent or len(sent) > MOST_FILES:
        raise Invalid(f"Choose 1 to {MOST_FILES} files.", field="file")
    service.add_files(
        project, [document_service.UploadedDocument(file.stream, file.filename or "") for file in sent], by=current_user()
    )
    return _to(id)


@bp.get("/<id>/events")
@signed_in
def events(id: str) -> Response:
    project_id, me, context = seen(service.PROJECTS, id).id, current_user(), watchers.same_request()
    tab = shown.TABS.get(request.args.get("chats", ""), "")
    live = LiveList(
        name=f"project-{project_id}-{tab}",
        element="#project-chats",
        template="workspace/projects/_chats.html",
        changes=("chat", service.WHAT, "access"),
        read=lambda user: shown.chats_values(user, project_id, whose=tab),
    )
    feed = ListFeed(the_engine(), live, me.id, watchers.position(), context)
    return watch(feed, watchers.watcher(me.id, context, _is_still_theirs, project_id))


@bp.get("/<id>/export.zip")
@signed_in
def export(id: str) -> Response:
    row, with_collections = seen(service.PROJECTS, id), "collections" in request.args
    parts = shown.archive(row, current_user(), with_collections=with_collections)
    return download(parts, file_name(row.name, "zip", otherwise="project"), "application/zip")


@bp.get("/<id>/edit")
@signed_in
def edit(id: str) -> Response:
    project, part = own(service.PROJECTS, id), request.args.get("part", DETAILS)
    found(PARTS.get(part))
    return _editor(project, part, ProjectForm.for_project(project).offering(current_user(), project))


@bp.get("/<id>/delete")
@signed_in
def ask_to_delete(id: str) -> Response:
    project = own(service.PROJECTS, id)
    whose = shares_shown.whose(projects.KIND, id, shares_shown.names(projects.KIND, id))
    return render("workspace/projects/delete.html", project=project, whose=whose)


@bp.post("/<id>")
@signed_in
def update(id: str) -> Response:
    """Saves a part of a project; without one, all of it."""
    project, me, part = own(service.PROJECTS, id), current_user(), request.args.get("part", "")
    form, now = ProjectForm.opened().offering(me, project), ProjectForm.for_project(project)
    form.merge(now)
    form.keep_others(found(PARTS.get(part)) if part else form.data, now)
    with form.attempt():
        service.change(project, form.entered, by=me)
        return _to(id, _("Saved."))
    return _editor(own(service.PROJECTS, id), part or DETAILS, form)


@bp.post("/fold")
@signed_in
def fold() -> Response:
    """Shows or hides the chats of a project in the sidebar."""
    me, sent = current_user(), request.form
    if not (id := sent.get("unfold") or sent.get("fold", "")):
        raise Invalid("Choose a project.")
    project = seen(service.PROJECTS, id)
    unfolded.fold(me.id, project.id, is_unfolded="unfold" in sent)
    if not is_htmx():
        return redirect(came_from())
    return render("workspace/list/_row_changed.html", groups=list_shown.sidebar(current_user(), here=page_path()))


@bp.post("/several")
@signed_in
def several() -> Response:
    """Moves the chats that were selected in the list; asks to which project, unless the form says so."""
    me, chosen = current_user(), found(bulk.chosen(current_user().id, request.form.getlist("chat")) or None)
    if "project" not in request.form:
        words = list_shown.counted(chosen)
        return render("workspace/projects/move.html", chats=chosen, words=words, places=_places(), action=url_for(".several"))
    project_id = request.form["project"]
    service.move_all(chosen, project_id or None, by=me)
    return _to(project_id, _("Moved.")) if project_id else redirect(url_for("list.index"))


@chats.get("/chats/<id>/project")
@signed_in
def choose(id: str) -> Response:
    chat = own_chat(id)
    template = "_move.html" if is_htmx() else "move.html"
    words = list_shown.counted([chat])
    return render(f"workspace/projects/{template}", chats=[chat], words=words, places=_places(), action=url_for(".move", id=id))


@chats.post("/chats/<id>/project")
@signed_in
def move(id: str) -> Response:
    chat, project_id, me = own_chat(id), request.form.get("project", ""), current_user()
    before = chat.project_id or ""
    service.move(chat, project_id or None, by=me)
    if project_id:
        # There the chat is seen to be.
        unfolded.fold(me.id, project_id, is_unfolded=True)
    if not is_htmx():
        return redirect(chat_page_url(id))
    project = projects.project(me, project_id) if project_id else None
    words = _("Moved to %(name)s.", name=project.name) if project else _("Removed from its project.")
    is_here = page_path() == url_for("chat.show", id=id)
    values: dict[str, Any] = {"groups": list_shown.sidebar(me, here=page_path()), "before": before, "is_here": is_here}
    return render("workspace/projects/_moved.html", chat=chat, project=project, words=words, **values)


@chats.post("/chats/<id>/people/project")
@signed_in
def share_chat(id: str) -> Response:
    service.share_chat(own_chat(id), author=audit_author(), is_shared=request.form.get("share") == "1")
    return redirect(url_for("sharing.index", id=id))


def _places() -> Sequence[Project]:
    """Returns the projects to which the person can move chats."""
    return projects.projects(current_user(), rights=(projects.WRITE,))


def _composer(project: Project, me: User) -> dict[str, Any]:
    """Returns the template context of the composer, with which a chat begins in the project as on the home page."""
    form = MessageForm.new(model=project.model or starting_choice(me))
    form.project.data = project.id
    restore_draft(form, drafts.draft_in(me.id), drafts.mentions_in(me.id))
    return composer(form, send_url=url_for("home.begin"))


def _files(id: str, me: User) -> dict[str, Any]:
    """Returns the template context of a project's files, which are live as on the page of a collection."""
    if not (collection := project_files.collection_of(id)):
        return {"documents": (), "files_url": ""}
    at = now_in(topic_names.of_collection(collection.id))
    return {
        "documents": knowledge_shown.documents(collection, me),
        "meaning": knowledge_shown.meaning(collection, me),
        "files_url": url_for("knowledge.events", id=collection.id, at=at),
        "files_collection": collection,
    }


def _index(form: NewProjectForm) -> Response:
    me = current_user()
    live_url = list_url("projects")
    return form.shown(
        "workspace/projects/list.html",
        live_url=live_url,
        projects=shown.listed(me),
        **trash_for_list(service.PROJECTS),
    )


def _editor(project: Project, part: str, form: ProjectForm) -> Response:
    is_shared = part == DETAILS and bool(service.PROJECTS.shares(project, limit=1))
    return form.shown("workspace/projects/edit.html", project=project, part=part, is_shared=is_shared)


def _is_still_theirs(context: watchers.Context, id: str) -> bool:
    with context():
        user = user_or_none()
        return user is not None and projects.project(user, id) is not None


def _to(id: str, words: str = "") -> Response:
    return redirect(url_for("projects.show", id=id), words)


add_people_pages(bp, service.PROJECTS, "workspace/projects/people.html")
add_trash_pages(bp, service.PROJECTS, lambda id: _to(id, _("Restored.")))
