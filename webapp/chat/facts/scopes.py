"""Whose facts are whose: who reads and writes one, and which of them the prompt of a chat can have. No scope crosses."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_

from webapp.chat.facts.tables import Fact
from webapp.chat.record import projects, sharing
from webapp.chat.record.tables import Chat, Project
from webapp.engine.engine import the_engine
from webapp.people.accounts.tables import User
from webapp.web.feature import brought


@dataclass(frozen=True)
class OtherReaders:
    """A way in which people without a right to a chat read what is written in it: `are_there` says so, by the chat's id."""

    are_there: Callable[[str], bool]


def readable(user: User) -> ColumnElement[bool]:
    """Returns the condition that a person reads a fact: their own, or one of a project that they see, unless only proposed."""
    is_in_theirs = and_(Fact.project_id.in_(projects.ids_for(user.id)), _is_settled(user))
    return or_(_is_own(user.id), is_in_theirs)


def writable(user: User) -> ColumnElement[bool]:
    """Returns the condition that a person changes a fact: their own, or one of a project in which they write."""
    is_in_theirs = and_(Fact.project_id.in_(projects.ids_for(user.id, rights=(projects.WRITE,))), _is_settled(user))
    return or_(_is_own(user.id), is_in_theirs)


def _is_own(user_id: str) -> ColumnElement[bool]:
    return and_(Fact.project_id.is_(None), Fact.owner_id == user_id)


def _is_settled(user: User) -> ColumnElement[bool]:
    return or_(Fact.state != "proposed", Fact.owner_id == user.id)


def in_prompt(
    chat: Chat, person: User | None, project: Project | None, *, speaker_id: str, is_personal: bool
) -> ColumnElement[bool] | None:
    """Returns the condition for the facts that a prompt of this chat can have; None, without a query, if there can't be any.

    What is the owner's alone is for chats that no one else reads, and what is a project's for those that its members alone read.
    `person` is the chat's owner, who is then the only one who can ask.
    """
    has_own, has_projects = bool(person and person.has_facts and is_personal), bool(project and project.has_facts)
    if not (has_own or has_projects) or not person or is_read_elsewhere(chat, person):
        return None
    ways = list[ColumnElement[bool]]()
    is_alone = not (chat.is_temporary or sharing.is_shared(chat))
    if has_own and is_alone:
        ways.append(and_(_is_own(person.id), or_(Fact.character_id.is_(None), Fact.character_id == (speaker_id or None))))
    if has_projects and project and (is_alone or _is_among_members(chat, project)):
        ways.append(Fact.project_id == project.id)
    return and_(Fact.state == "kept", or_(*ways)) if ways else None


def is_read_elsewhere(chat: Chat, person: User) -> bool:
    """Returns whether answers go to people of a gateway, or to those who have a link that shows what is written later."""
    is_of_gateway = bool(the_engine().admission.requester.allowances(person.id)[0].gateway_id)
    return is_of_gateway or any(readers.are_there(chat.id) for readers in brought(OtherReaders))


def _is_among_members(chat: Chat, project: Project) -> bool:
    others = sharing.viewers(chat) - {chat.owner_id}
    return not chat.is_temporary and others <= projects.members(project.id)
