"""What a person can do with projects: create and change them, and put chats into them."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints
from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from webapp.base import topic_names
from webapp.base.changes import access_changed, notify, notify_person
from webapp.base.database import rows
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid
from webapp.base.heavy.turns import by_turns
from webapp.base.inputs import AnyId, Input, LongText, Name, OneLine, Prose
from webapp.characters import queries as character_queries
from webapp.characters.profiles import CHARACTERS
from webapp.chat.calls import choosing
from webapp.chat.record import announcements, projects
from webapp.chat.record.tables import Chat, Project
from webapp.knowledge.documents import project_files, service as document_service
from webapp.knowledge.service import MOST_COLLECTIONS, attachable
from webapp.models.connections.providers import providers
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.members.service import Departure
from webapp.people.receipts import service as receipts
from webapp.people.things import shares
from webapp.people.things.thing import Thing

WHAT = "project"
MOST_CHARACTERS = 20
ONLY_READERS = "You can read this project, but you can't add files to it."
TEMPORARY = "A temporary chat can't be in a project."
# What goes with a project, where the name of the table doesn't say it.
WORDS = {"unfolded_projects.project_id": "open folders in the sidebar"}
# Those of static/icons.txt that can stand for a project; without one, it is a folder.
Icon = Literal[
    "",
    "briefcase",
    "book-open",
    "graduation-cap",
    "notebook-pen",
    "flask-conical",
    "code",
    "chart-column",
    "wallet",
    "hammer",
    "palette",
    "drama",
    "house",
    "plane",
    "leaf",
    "heart",
    "globe",
    "users",
]
Colour = Literal["", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink"]

Effort = Literal["", "none", "minimal", "low", "medium", "high", "xhigh", "max"]


class ProjectParameters(Input):
    """The parameters of a project's answers; a chat's own come before them."""

    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    max_tokens: Annotated[int | None, Field(ge=1, le=10**7)] = None
    top_p: Annotated[float | None, Field(ge=0, le=1)] = None
    effort: Annotated[Effort, Field(description="How hard the model thinks; empty for its default.")] = ""


class ProjectInput(Input):
    """What is entered for a project."""

    name: Name
    icon: Icon = Field("", description="Empty for the usual one.")
    colour: Colour = Field("", description="Empty for none.")
    about: Annotated[str, StringConstraints(max_length=2_000), Prose] = ""
    instructions: Annotated[
        LongText, Field(description="The model follows these in every chat of the project, under *Project*.")
    ] = ""
    model: Annotated[
        str,
        Field(max_length=200, description="The model of new chats in it; empty for each person's own."),
        OneLine("That isn't the name of a model.", 200),
    ] = ""
    parameters: ProjectParameters = ProjectParameters()
    collection_ids: list[AnyId] = Field(
        [], description="The collections that its answers may quote, to people who can see them.", max_length=MOST_COLLECTIONS
    )
    character_ids: list[AnyId] = Field(
        [], description="The characters that its new chats offer first, to people who can see them.", max_length=MOST_CHARACTERS
    )
    tools: list[choosing.Key] = Field(
        [],
        description="The keys of the tools that its answers can use, as far as each person may.",
        max_length=choosing.MOST_TOOLS,
    )
    keeps_chats: bool = Field(False, description="Whether its chats are kept, no matter how old they are.")


def create(entered: ProjectInput, *, by: User) -> Project:
    """Creates a project that only this person sees."""
    owner_id, values = by.id, _checked(entered, by)
    PROJECTS.count_new(owner_id)
    with write() as session:
        project = Project(owner_id=owner_id, **values)
        session.add(project)
    _notify(project.id, [owner_id])
    return project


def change(project: Project, entered: ProjectInput, *, by: User) -> None:
    """Replaces all details of a project; its chats follow from their next answer on."""
    PROJECTS.refuse_unless_owner(project, by)
    id, values = project.id, rows.differing(project, _checked(entered, by, project))
    with write() as session:
        now = PROJECTS.existing(session, id)
        for name, value in values.items():
            setattr(now, name, value)
        now.changed_at = utc_now()
        project_files.rename(session, id, entered.name)
    _notify(id)


def add_files(project: Project, sent: Sequence[document_service.UploadedDocument], *, by: User) -> list[document_service.Added]:
    """Adds files to the project, which all of its chats can quote; for people who can chat in it."""
    if projects.right_in(project, by) not in ("own", projects.WRITE):
        raise Forbidden(ONLY_READERS)
    collection = project_files.collection_for(project.id, project.owner_id, project.name)
    return document_service.add_all(collection, sent, by=by)


def move(chat: Chat, project_id: str | None, *, by: User) -> None:
    """Puts a chat of this person into a project, or into none; there, only they see it until they share it."""
    if (chat.project_id or None) == (project_id or None):
        return
    id, before, was_shared = chat.id, chat.project_id, chat.is_for_project
    checked_move(chat, project_id, by=by)
    with write() as session:
        if locked := rows.locked(session, Chat, id):
            locked.project_id, locked.is_for_project = project_id or None, False
            locked.touch()
    if was_shared:
        access_changed(*projects.members(before or ""))
    _chat_changed(chat, before, project_id)


def move_all(chats: Sequence[Chat], project_id: str | None, *, by: User) -> None:
    """Does the same for several chats; those that are there already stay as they are."""
    for chat in chats:
        checked_move(chat, project_id, by=by)
    for chat in by_turns(chats):
        move(chat, project_id, by=by)


def checked_move(chat: Chat, project_id: str | None, *, by: User) -> None:
    """Raises an error if the person can't have this chat in the project; it may stay where it is."""
    if project_id and project_id != chat.project_id:
        if chat.is_temporary:
            raise Conflict(TEMPORARY)
        writable(by, project_id)


def share_chat(chat: Chat, *, author: PersonAuthor, is_shared: bool) -> None:
    """Shows a chat to all members of its project, live, or to its owner alone again."""
    if chat.is_for_project == is_shared:
        return
    id, project_id = chat.id, chat.project_id or ""
    if is_shared:
        shares.refuse_guests("chat", author.actor)
        writable(author.actor, project_id)
    with write() as session:
        if (locked := rows.locked(session, Chat, id)) and locked.project_id == project_id:
            locked.is_for_project = is_shared
            shares.note(session, is_shared=is_shared, word="chat", kind="chat", id=id, whom="its project", author=author)
    access_changed(*projects.members(project_id))
    _chat_changed(chat, project_id)


def writable(user: User, id: str) -> Project:
    """Returns the project for a chat in it; raises `Invalid` for one that the person can't see, or only reads."""
    project = projects.project(user, id, rights=(projects.WRITE,)) if id else None
    if project is None:
        is_readable = bool(id) and projects.project(user, id) is not None
        refusal = "You can only read this project." if is_readable else "That project doesn't exist, or you don't have access."
        raise Invalid(refusal, field="project_id")
    return project


def _checked(entered: ProjectInput, by: User, project: Project | None = None) -> dict[str, Any]:
    """Returns the values to store; what the project has already need not be there any more."""
    if entered.model and not (project and project.model == entered.model):
        providers().for_model(entered.model)
        providers().refuse_unless_choosable(entered.model, person=by.id)
    collection_ids = attachable(entered.collection_ids, project.collection_ids if project else (), by)
    character_ids = _characters(entered.character_ids, project.character_ids if project else (), by)
    kept = set(project.tools) if project else set()
    choosing.checked(by, [key for key in entered.tools if key not in kept])
    values = entered.model_dump(exclude={"parameters"})
    parameters = entered.parameters.model_dump(exclude_defaults=True)
    values |= {"collection_ids": collection_ids, "character_ids": character_ids, "parameters": parameters}
    return values | {"tools": list(dict.fromkeys(entered.tools))}


def _characters(chosen_ids: Sequence[str], current_ids: Sequence[str], by: User) -> list[str]:
    """Returns the chosen characters that this person may see; those there that they can't see stay while they exist."""
    seen = {character.id for character in character_queries.visible_among(by, [*chosen_ids, *current_ids])}
    ids = CHARACTERS.attached(chosen_ids, current_ids, seen, field="character_ids")
    if len(ids) > MOST_CHARACTERS:
        raise Invalid(f"Choose up to {MOST_CHARACTERS} characters.", field="character_ids")
    return ids


def _take_out(session: Session, id: str, changed: Sequence[str]) -> None:
    """Moves the chats of those of these people, or of `EVERYONE`, who can't write in the project any more to no project."""
    owners = select(User).where(User.id.in_(select(Chat.owner_id).where(Chat.project_id == id).distinct()))
    gone = [
        user.id
        for user in session.scalars(owners).all()
        if {user.id, topic_names.EVERYONE} & set(changed) and projects.project(user, id, rights=(projects.WRITE,)) is None
    ]
    if gone:
        _leave(session, [id], gone)


def _leave(session: Session, project_ids: Select[str] | Sequence[str], owner_ids: Sequence[str] | None = None) -> None:
    """Moves the chats of these projects to none, all or those of these people."""
    which = update(Chat).where(Chat.project_id.in_(project_ids))
    which = which if owner_ids is None else which.where(Chat.owner_id.in_(owner_ids))
    session.execute(which.values(project_id=None, is_for_project=False).execution_options(synchronize_session="fetch"))


def _chat_changed(chat: Chat, *project_ids: str | None) -> None:
    announcements.announce(chat, "chat", chat.id)
    announcements.announce_settings(chat.id)
    for project_id in filter(None, project_ids):
        notify(topic_names.of_project(project_id), "chats", project_id)


def _notify(id: str, people_ids: Iterable[str] = ()) -> None:
    """Notifies the lists of these people, or of the project's members, and the project's open pages."""
    for person_id in people_ids or projects.members(id):
        notify_person(person_id, WHAT, id)
    notify(topic_names.of_project(id), WHAT, id)


def _access_changed(id: str, people_ids: Iterable[str]) -> None:
    """Makes the open pages of these people and of the members check their rights again at once."""
    people_ids = {*people_ids, *projects.members(id)}
    access_changed(*people_ids)
    for person_id in people_ids:
        notify_person(person_id, WHAT, id)
    _notify(id)


def _leave_for_good(session: Session, ids: Sequence[str]) -> None:
    for id, owner_id in session.execute(select(Project.id, Project.owner_id).where(Project.id.in_(ids))).all():
        removed = [("projects", 1), *receipts.counts_with(session, "projects", id, WORDS)]
        if files := project_files.count(session, id):
            removed.append(("documents", files))
        receipts.give(session, kind="project", person_id=owner_id, by=receipts.RETENTION, removed=removed)
    _leave(session, ids)
    project_files.mark_for_deletion(session, ids)


def _leave_projects_of(session: Session, person_id: str) -> None:
    _leave(session, select(Project.id).where(Project.owner_id == person_id))


# In the trash, its chats stay where they are, each with its owner alone.
PROJECTS = Thing(
    kind=projects.KIND,
    table=Project,
    word="project",
    seen=projects.project,
    most_own=200,
    rights={projects.READ: "can see its shared chats", projects.WRITE: "can chat in it"},
    usual_right=projects.WRITE,
    change_with=_take_out,
    announce=_access_changed,
    put_away=lambda session, project: project_files.hide(session, project.id),
    put_back=lambda session, project: project_files.show(session, project.id),
    erase=_leave_for_good,
    heirs_name="projects",
)
DEPARTURE = Departure(detach=_leave_projects_of)
