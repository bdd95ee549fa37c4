"""What facts cost: as many statements for many as for one, in lists and in prompts, and few estimates where not all fit."""

from flask import Flask
from sqlalchemy import select

from tests.api.client import Client
from tests.facts.test_api import ask, remember
from tests.facts.test_forgetting import unlimited
from tests.support.statements import is_read_again, statements
from webapp.base.db import db, write
from webapp.chat.facts.remembered import remembered
from webapp.chat.facts.tables import Fact


def count_of(app: Flask, program: Client, path: str) -> int:
    program.get(path)
    with statements(app) as said:
        program.get(path)
    return len([statement for statement, _ in said if not is_read_again(statement)])


def test_sources_take_as_many_statements_for_many_facts_as_for_one(app: Flask, program: Client, fake) -> None:
    unlimited(app)
    fake.says("Noted.")
    for n in range(12):
        question = ask(program, f"I have {n} boats.")["parent_id"]
        source = {"kind": "message", "id": question, "start": 0, "end": 6}
        remember(program, f"Has {n} boats.", source=source)
        if n == 0:
            for_one = count_of(app, program, "/facts")
    assert all(fact["source"] for fact in program.get("/facts")["facts"])
    assert count_of(app, program, "/facts") == for_one


def test_a_thousand_facts_are_read_in_one_statement(app: Flask, member) -> None:
    with app.app_context():
        with write() as session:
            texts = (f"My {n}th cousin collects old stamps." for n in range(1_000))
            session.add_all(Fact(owner_id=member.person_id, text=text) for text in texts)
        id, question = member.person_id, "What does my 77th cousin collect?"
        with statements(app) as said:
            given = remembered(Fact.owner_id == id, question, person_id=id, without=(), most_tokens=0)
        assert len([statement for statement, _ in said if not is_read_again(statement)]) == 1
        assert given is not None
        assert 20 < len(given.ids) < 120
        seventy_seventh = db.session.scalar(select(Fact.id).where(Fact.text.contains(" 77th ")))
        assert seventy_seventh in given.ids
        assert list(given.ids) == sorted(given.ids)
