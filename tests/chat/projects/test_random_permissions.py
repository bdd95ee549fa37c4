"""Random worlds of projects, chats and grants: no person ever sees a chat that was not shared with them."""

from dataclasses import dataclass, field
from random import Random

import pytest
from flask import Flask

from tests.support.marks import on_both_databases
from tests.support.rounds import ROUNDS
from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_id
from webapp.chat.record import projects, sharing
from webapp.chat.record.tables import Chat, Project
from webapp.knowledge import queries as knowledge_queries
from webapp.knowledge.documents import project_files
from webapp.knowledge.tables import Collection
from webapp.people.accounts.roles import TEAM
from webapp.people.accounts.tables import Grant, Group, Membership, User
from webapp.workspace.list import paging, search

WORLDS = 1_000 if ROUNDS > 1 else 10
# A word of every title, so that a single question finds all of them.
COMMON = "harbour"


@dataclass
class World:
    """People, projects and chats; `right` states in Python the rule that the database evaluates in SQL."""

    random: Random
    people: list[User] = field(default_factory=list)
    members: set[tuple[str, str]] = field(default_factory=set)
    projects: dict[str, Project] = field(default_factory=dict)
    chats: list[Chat] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)

    def right(self, person: User, chat: Chat) -> str:
        if chat.owner_id == person.id:
            return "own"
        rights = self.given(person, "chat", chat.id)
        project = self.projects.get(chat.project_id or "")
        if project and self.is_shared(chat):
            rights |= {"write"} if project.owner_id == person.id else self.given(person, "project", project.id)
        return "write" if "write" in rights else "view" if rights else ""

    def is_shared(self, chat: Chat) -> bool:
        """Returns whether a project's members see the chat: as long as its owner can write there."""
        return chat.is_for_project and self.is_in_project(chat)

    def is_in_project(self, chat: Chat) -> bool:
        project = self.projects.get(chat.project_id or "")
        owner = next(person for person in self.people if person.id == chat.owner_id)
        return bool(
            project
            and not project.deleted_at
            and (project.owner_id == owner.id or "write" in self.given(owner, "project", project.id))
        )

    def given(self, person: User, kind: str, id: str) -> set[str]:
        grants = [grant for grant in self.grants if (grant.object_kind, grant.object_id) == (kind, id)]
        return {grant.right for grant in grants if self.reaches(grant, person)}

    def reaches(self, grant: Grant, person: User) -> bool:
        if grant.user_id or grant.group_id:
            return grant.user_id == person.id or (grant.group_id or "", person.id) in self.members
        return person.role in TEAM


def made(number: int) -> World:
    """Builds a small world, deterministic by its number."""
    world = World(Random(number))
    chance, choose = world.random.random, world.random.choice
    with write(keeps_loaded=True) as session:
        for role in ("owner", "admin", "member", "guest", "member"):
            about = {"email": f"{new_id()}@example.org", "name": role, "password_hash": "none"}
            world.people.append(User(id=new_id(), role=role, **about))
        groups = [Group(id=new_id(), name=new_id()) for _ in range(2)]
        session.add_all([*world.people, *groups])
        session.flush()
        world.members = {(group.id, person.id) for group in groups for person in world.people if chance() < 0.4}
        session.add_all(Membership(group_id=group, user_id=person) for group, person in world.members)

        def grant(kind: str, id: str, rights: tuple[str, ...], *ways: str) -> None:
            way = choose(ways)
            whom = {"user": {"user_id": choose(world.people).id}, "group": {"group_id": choose(groups).id}}.get(way, {})
            world.grants.append(Grant(object_kind=kind, object_id=id, right=choose(rights), **whom))

        for _ in range(3):
            deleted_at = utc_now() if chance() < 0.2 else None
            project = Project(id=new_id(), owner_id=choose(world.people).id, name="Mill", deleted_at=deleted_at)
            world.projects[project.id] = project
            for _ in range(choose((0, 1, 2))):
                grant("project", project.id, projects.RIGHTS, "user", "group", "everyone")
        for _ in range(6):
            project_id = choose((None, new_id(), *world.projects, *world.projects))
            about = {"project_id": project_id, "is_for_project": chance() < 0.7, "model": "demo/quick"}
            chat = Chat(id=new_id(), owner_id=choose(world.people).id, title=f"{COMMON} {new_id()}", **about)
            world.chats.append(chat)
            if chance() < 0.3:
                grant("chat", chat.id, sharing.RIGHTS, "user", "group")
        session.add_all([*world.projects.values(), *world.chats])
        session.flush()
        files = [Collection(owner_id=chat.owner_id or "", chat_id=chat.id, name=chat.id) for chat in world.chats]
        files += [Collection(owner_id=row.owner_id, project_id=row.id, name=row.name) for row in world.projects.values()]
        session.add_all([*files, *world.grants])
        session.flush()
        for id, project in world.projects.items():
            if project.deleted_at:
                project_files.hide(session, id)
    return world


def check(world: World) -> None:
    """Compares every way of looking with the rule."""
    chats = [db.session.get_one(Chat, chat.id) for chat in world.chats]
    collections = {row.id: row.chat_id for row in db.session.query(Collection).where(Collection.chat_id.is_not(None))}
    of_projects = {row.id: row.project_id or "" for row in db.session.query(Collection).where(Collection.project_id.is_not(None))}
    for person in [db.session.get_one(User, person.id) for person in world.people]:
        rights = {chat.id: world.right(person, chat) for chat in chats}
        seen = {id for id, right in rights.items() if right}
        assert {chat.id: sharing.right_of(chat, person) for chat in chats} == rights
        assert {hit.chat_id for hit in search.titles_of(person.id, COMMON, limit=1_000)} == seen
        files = knowledge_queries.collections_among(person, list(collections))
        assert {collections[row.id] for row in files} & rights.keys() == seen
        there = {project.id: project for project in world.projects.values() if not project.deleted_at}
        rights = {id: {"write"} if row.owner_id == person.id else world.given(person, "project", id) for id, row in there.items()}
        seen_files = knowledge_queries.collections_among(person, list(of_projects))
        assert {of_projects[row.id] for row in seen_files} & there.keys() == {id for id, given in rights.items() if given}
        writable = {of_projects[row.id] for row in seen_files if knowledge_queries.can_write(person, row)}
        assert writable & there.keys() == {id for id, given in rights.items() if "write" in given}
        assert {of_projects[row.id] for row in seen_files} & (world.projects.keys() - there.keys()) == set()
        for id in world.projects:
            listed = {chat.id for chat in paging.chats_of_project(person, id, limit=100)}
            in_it = [chat for chat in chats if chat.project_id == id and chat.owner_id == person.id]
            shared = [chat for chat in chats if chat.project_id == id and is_shared(world, person, chat)]
            given = [chat for chat in chats if chat.project_id == id and is_given(world, person, chat)]
            assert listed == {chat.id for chat in (*in_it, *shared, *given)}


def is_shared(world: World, person: User, chat: Chat) -> bool:
    """Returns whether the person sees the chat by its project, whatever else they were granted."""
    project = world.projects[chat.project_id or ""]
    is_member = project.owner_id == person.id or bool(world.given(person, "project", project.id))
    return world.is_shared(chat) and is_member


def is_given(world: World, person: User, chat: Chat) -> bool:
    """Returns whether the chat, which counts as its project's, was shared with the person alone."""
    return world.is_in_project(chat) and bool(world.given(person, "chat", chat.id))


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.timeout(3_600 if ROUNDS > 1 else 600)
@on_both_databases
def test_only_what_is_shared_is_seen(app: Flask) -> None:
    with app.app_context():
        for number in range(WORLDS):
            world = made(number)
            check(world)
            with write() as session:
                for grant in world.grants:
                    session.delete(session.merge(grant))
            world.grants = []
            check(world)
