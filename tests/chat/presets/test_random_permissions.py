"""Random worlds of presets and grants: no person ever uses, or is told of, one that wasn't granted to them."""

from random import Random
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete

from tests.support.marks import on_both_databases
from tests.support.rounds import ROUNDS
from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_id
from webapp.chat.prompt.context import PromptContext
from webapp.chat.prompt.sections import chat_sections
from webapp.chat.record.model_choice import gone_choice
from webapp.chat.record.tables import Chat
from webapp.models.presets import queries
from webapp.models.presets.tables import Preset
from webapp.people.accounts.roles import TEAM
from webapp.people.accounts.tables import Grant, Group, Membership, User
from webapp.people.search import SearchQuery
from webapp.workspace.exchange import cast_names

WORLDS = 1_000 if ROUNDS > 1 else 6
CANARY = "canary"


def made(random: Random) -> tuple[dict[str, set[str]], list[str]]:
    """Stores a world; returns by person the ids of the presets that they can use, and the ids of all."""
    chance, choose = random.random, random.choice
    with write(keeps_loaded=True) as session:
        about = {"password_hash": "none"}
        roles = ("owner", "admin", "member", "guest", "member")
        people = [User(id=new_id(), email=f"{new_id()}@example.org", name=role, role=role, **about) for role in roles]
        groups = [Group(id=new_id(), name=new_id()) for _ in range(2)]
        session.add_all([*people, *groups])
        session.flush()
        members = {(group.id, person.id) for group in groups for person in people if chance() < 0.4}
        session.add_all(Membership(group_id=group, user_id=person) for group, person in members)
        seen: dict[str, set[str]] = {person.id: set() for person in people}
        presets = []
        for _ in range(5):
            id, deleted_at = new_id(), utc_now() if chance() < 0.2 else None
            owner, settings = choose(people).id, {"system_prompt": f"{CANARY} {id}"}
            presets.append(Preset(id=id, owner_id=owner, name=f"{CANARY} {id}", settings=settings, deleted_at=deleted_at))
            reached = {owner}
            for way in random.choices(("user", "group", "everyone", "none"), k=2):
                user, group = choose(people).id, choose(groups).id
                whom: dict[str, Any] = {"user": {"user_id": user}, "group": {"group_id": group}}.get(way, {})
                if way != "none":
                    session.add(Grant(object_kind="preset", object_id=id, right="read", **whom))
                    reached |= {user} if way == "user" else set()
                    reached |= {person for of, person in members if way == "group" and of == group}
                    reached |= {person.id for person in people if way == "everyone" and person.role in TEAM}
            for person in reached if not deleted_at else ():
                seen[person].add(id)
        session.add_all(presets)
    return seen, [preset.id for preset in presets]


def told(chat: Chat) -> set[str]:
    """Returns the ids of the presets whose texts an answer in the chat would be sent."""
    sections = chat_sections(PromptContext(chat.id, chat.owner_id, chat.model, ()))
    texts = [getattr(section, "section", section).text for section in sections]
    return {text.removeprefix(f"{CANARY} ") for text in texts if text.startswith(CANARY)}


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.timeout(3_600 if ROUNDS > 1 else 600)
@on_both_databases
def test_only_what_is_granted_is_used(app: Flask) -> None:
    with app.app_context():
        for number in range(WORLDS):
            seen, ids = made(Random(number))
            for person in [db.session.get_one(User, id) for id in seen]:
                mine = seen[person.id]
                assert {row.id for row in queries.SEEN_PRESETS.all(person)} & set(ids) == mine
                assert {row.id for row in queries.SEEN_PRESETS.named(person, SearchQuery(CANARY), limit=1_000)} & set(ids) == mine
                assert {id for id in ids if queries.SEEN_PRESETS.one(person, id)} == mine
                assert {id for id in ids if queries.by_name(person, f"{CANARY} {id}")} == mine
                for id in ids:
                    with write(keeps_loaded=True) as session:
                        chat = Chat(id=new_id(), owner_id=person.id, model="demo/quick", preset_id=id)
                        session.add(chat)
                    assert told(chat) == {id} & mine
                    assert bool(gone_choice(chat)) == (id not in mine)
                    assert bool(cast_names.names_of(chat)["preset"]) == (id in mine)
            # What everyone can use would otherwise be more in each world than in the one before.
            with write() as session:
                session.execute(delete(Grant).where(Grant.object_id.in_(ids)))
