"""What a provider wants back with the calls of programs: sent again with them, for a day, and for their person alone."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.support.marks import on_both_databases
from webapp.base.db import db, utc_now, write
from webapp.engine.engine import ENGINE
from webapp.guests.dialects.openai import program_rounds
from webapp.guests.dialects.openai.program_rounds import MOST_ROUNDS, ProgramRound
from webapp.models.providers.base import ToolCall, Turn
from webapp.people.accounts import queries
from webapp.tools.ledger import Ledger

QUESTION = {"role": "user", "content": "What is the weather in Bern?"}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]
CALLS = [{"tool": "get_weather", "arguments": {"city": "Bern", "day": 1}}, {"tool": "get_weather", "arguments": ""}]


@pytest.fixture(autouse=True)
def thinking(fake):
    fake.always({"rounds": [{"reasoning": "I think so.", "calls": CALLS}, {"says": "Rain."}]})


def completed(program, *messages):
    reply = program.post("/v1/chat/completions", model="some/model", messages=[QUESTION, *messages], tools=TOOLS)
    assert reply.status_code == 200, reply.text
    return reply.json["choices"][0]["message"]


def again(program, message):
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "Rain"} for call in message["tool_calls"]]
    return completed(program, message, *results)


def thoughts(fake):
    """Returns the reasoning with which the calls were sent again."""
    message = fake.posts()[-1]["body"]["messages"][1]
    assert message["tool_calls"]
    return "".join(detail["text"] for detail in message.get("reasoning_details", ()))


@on_both_databases
def test_the_reasoning_of_a_round_goes_back_with_its_calls(make_program, fake, app):
    program = make_program()
    message = completed(program)
    assert message.keys() == {"role", "content", "refusal", "annotations", "tool_calls"}

    assert again(program, message)["content"] == "Rain."
    assert thoughts(fake) == "I think so."


def test_other_spaces_and_another_order_are_the_same_call(make_program, fake):
    program = make_program()
    message = completed(program)
    message["tool_calls"][0]["function"]["arguments"] = json.dumps({"day": 1, "city": "Bern"}, indent=2)

    again(program, message)

    assert thoughts(fake) == "I think so."


@pytest.mark.parametrize("change", ["id", "arguments", "person"])
def test_for_anything_else_nothing_is_sent(make_program, fake, change):
    program = make_program()
    message = completed(program)
    if change == "id":
        message["tool_calls"][0]["id"] = "call_other"
    elif change == "arguments":
        message["tool_calls"][0]["function"]["arguments"] = "{}"
    else:
        program = make_program("other@example.org")

    again(program, message)

    assert thoughts(fake) == ""


def test_after_a_day_it_is_gone(make_program, fake, app):
    program = make_program()
    message = completed(program)
    with app.app_context():
        assert program_rounds.expire()
        with write() as session:
            session.execute(update(ProgramRound).values(created_at=utc_now() - timedelta(days=1, seconds=1)))

    again(program, message)

    assert thoughts(fake) == ""
    with app.app_context():
        assert not program_rounds.expire()
        assert db.session.scalars(db.select(ProgramRound)).all() == []


def test_a_person_has_a_bounded_number_and_a_failure_is_none(make_program, app):
    make_program()
    engine = ENGINE.of(app)
    with app.app_context():
        user_id = queries.user_by_email("member@example.org").id
    calls = [(ToolCall(f"call_{number}", "a", "{}"),) for number in range(MOST_ROUNDS + 3)]
    for one in calls:
        program_rounds.keep(engine, user_id, Ledger(), one, "signed")
    program_rounds.keep(engine, user_id, Ledger(), [ToolCall("large", "a", "{}")], "x" * 300_000)
    program_rounds.keep(engine, "nobody", Ledger(), calls[0], "signed")
    with app.app_context():
        assert len(db.session.scalars(db.select(ProgramRound)).all()) == MOST_ROUNDS
        turns = [Turn("assistant", "", calls=calls[number]) for number in (0, -1)]
        assert [turn.kept for turn in program_rounds.restored(user_id, turns).turns] == ["", "signed"]
