"""The sidebar with 40 projects and 10,000 chats: as many statements as with two, indexes, bounded bytes."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, text

from tests.support.browser import Browser
from tests.support.marks import on_both_databases
from tests.support.statements import is_read_again, statements
from webapp.base.db import db, is_sqlite, utc_now, write
from webapp.base.ids import new_id
from webapp.chat.record import unfolded
from webapp.chat.record.tables import Chat, Project, UnfoldedProject
from webapp.people.accounts.tables import Grant, User
from webapp.workspace.list import sidebar_projects

PROJECTS, CHATS, MOST_BYTES = 40, 10_000, 60_000
pytestmark = [pytest.mark.slow, on_both_databases]


def fill(me: str, other: str, projects: int, chats: int) -> list[str]:
    """Adds projects, every second one of another person, and chats of both in them; returns the projects' ids."""
    ids = [new_id() for _ in range(projects)]
    now = utc_now()
    with write() as session:
        rows = [{"id": id, "owner_id": (me, other)[at % 2], "name": f"Project {at} " + "n" * 80} for at, id in enumerate(ids)]
        session.execute(insert(Project), rows)
        given = {"object_kind": "project", "right": "write"}
        whom = [{"object_id": id, "user_id": (other, me)[at % 2], **given} for at, id in enumerate(ids)]
        session.execute(insert(Grant), whom)
        about = {"model": "demo/quick", "title": "t" * 200}
        made: list[dict[str, Any]] = [
            {
                "id": new_id(),
                "owner_id": (me, other)[at % 3 == 0],
                "project_id": ids[at % projects],
                "is_for_project": at % 9 == 0,
                "changed_at": now - timedelta(seconds=at),
                **about,
            }
            for at in range(chats)
        ]
        session.execute(insert(Chat), made)
    return ids


def test_it_costs_the_same_with_two_projects_and_with_many(app: Flask, owner: Browser, stranger: Browser) -> None:
    def opened() -> tuple[int, int]:
        owner.page("/projects")
        with statements(app) as said:
            html = owner.page("/projects").one("#sidebar-chats").html or ""
        return sum(not is_read_again(statement) for statement, _ in said), len(html)

    with app.app_context():
        me, other = (str(db.session.scalar(select(User.id).where(User.email == person.email))) for person in (owner, stranger))
        few = fill(me, other, 2, 20)
        unfolded.fold(me, few[0], is_unfolded=True)
    among_few, _ = opened()
    with app.app_context():
        ids = fill(me, other, PROJECTS - 2, CHATS)
        for id in ids:
            unfolded.fold(me, id, is_unfolded=True)
        assert db.session.query(UnfoldedProject).filter_by(user_id=me).count() == unfolded.MOST_UNFOLDED
    among_many, length = opened()
    assert (among_many, length < MOST_BYTES) == (among_few, True), length

    with app.app_context(), statements(app) as said:
        newest, _ = sidebar_projects.newest(me, ids[:2])
        assert [len(chats) for chats in newest.values()] == [sidebar_projects.MOST_CHATS] * 2
    ((statement, values),) = [pair for pair in said if "ix" not in pair[0] and "FROM chats" in pair[0]]
    with app.app_context():
        if not is_sqlite():
            db.session.execute(text("ANALYZE chats"))
        explain = "EXPLAIN QUERY PLAN " if is_sqlite() else "EXPLAIN "
        plan = "\n".join(map(str, db.session.connection().exec_driver_sql(explain + statement, values).all()))
    assert [name for name in ("ix_chats_project_id", "ix_chats_for_project") if name not in plan] == [], plan
    assert [scan for scan in ("SCAN chats'", "Seq Scan on chats") if scan in plan] == [], plan
