"""Two hundred random worlds: what a prompt can have, and what each person reads, against the rule in plain words."""

import random

from sqlalchemy import select

from webapp.base.db import db
from webapp.chat.facts.scopes import in_prompt, readable
from webapp.chat.facts.tables import Fact
from webapp.chat.record.tables import Chat, Project
from webapp.people.accounts.tables import Grant, User

WORLDS = 200


def test_no_fact_crosses_a_scope(app, owner, member, stranger):
    chance = random.Random(19)
    with app.app_context():
        session, people = db.session(), [owner.person_id, member.person_id, stranger.person_id]
        for _ in range(WORLDS):
            me, other, third = chance.sample(people, 3)
            projects = [Project(owner_id=chance.choice(people), name="P", has_facts=True) for _ in range(2)]
            session.add_all(projects)
            session.flush()
            readers = {project.id: {project.owner_id} for project in projects}
            for project in projects:
                for person in chance.sample(people, chance.randint(0, 2)):
                    readers[project.id].add(person)
                    grant = {"object_kind": "project", "object_id": project.id, "right": "write"}
                    session.add(Grant(user_id=person, **grant))
            facts = [
                Fact(
                    owner_id=chance.choice(people),
                    project_id=chance.choice([None, None, projects[0].id, projects[1].id]),
                    text="Canary.",
                    state=chance.choice(["kept", "kept", "refused", "proposed", "replaced"]),
                )
                for _ in range(12)
            ]
            mine = next((project for project in projects if me in readers[project.id]), None)
            chat = Chat(owner_id=me, model="m", project_id=mine.id if mine and chance.random() < 0.7 else None)
            chat.is_temporary, chat.is_for_project = chance.random() < 0.1, bool(chat.project_id) and chance.random() < 0.3
            session.add_all([*facts, chat])
            session.flush()
            given = {person for person in (other, third) if chance.random() < 0.2}
            for person in given:
                session.add(Grant(object_kind="chat", object_id=chat.id, user_id=person, right="view"))
            for id in people:
                session.get_one(User, id).has_facts = True
            session.flush()

            project = mine if chat.project_id else None
            condition = in_prompt(chat, session.get_one(User, me), project, speaker_id="", is_personal=True)
            sent = set(session.scalars(select(Fact.id).where(condition))) if condition is not None else set()
            is_alone = not given and not chat.is_for_project and not chat.is_temporary
            among_members = bool(project) and not chat.is_temporary and given <= readers[project.id]
            assert sent >= {fact.id for fact in facts if is_alone and _is_own(fact, me)}
            for fact in facts:
                allowed = (is_alone and _is_own(fact, me)) or (
                    bool(project) and among_members and fact.project_id == project.id and fact.state == "kept"
                )
                assert (fact.id in sent) == bool(allowed)
                for person in people:
                    may = fact.owner_id == person if not fact.project_id else person in readers[fact.project_id]
                    may = may and (not fact.project_id or fact.state != "proposed" or fact.owner_id == person)
                    found = session.scalar(select(Fact.id).where(Fact.id == fact.id, readable(session.get_one(User, person))))
                    assert bool(found) == may
            session.rollback()


def _is_own(fact: Fact, person: str) -> bool:
    return not fact.project_id and fact.owner_id == person and fact.state == "kept"
