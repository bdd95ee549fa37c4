"""Answers side by side, by many people and after a kill: nothing is lost, and no budget is exceeded."""

from collections import Counter
from decimal import Decimal

import gevent
import pytest

from tests.engine.bench import Bench, counted, die
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db, write
from webapp.base.errors import OverBudget
from webapp.chat.messages import sending
from webapp.chat.record.tables import Chat, Message
from webapp.engine import generations
from webapp.engine.tables import Generation
from webapp.operations.budgets import service as budgets
from webapp.operations.budgets.service import BudgetInput
from webapp.operations.budgets.tables import BudgetPeriod
from webapp.people.accounts.tables import User
from webapp.settings.service import set_settings

MODELS = ["some/model", "other/m1", "other/m2", "other/m3"]
NO_LIMITS = {"limits.streams_per_minute": "0", "limits.concurrent_streams": "0"}


@pytest.fixture(autouse=True)
def listed(owner: Browser, fake: Upstream) -> None:
    fake.always({"json": {"data": [{"id": model, "name": model} for model in MODELS]}}, at="/models")
    owner.page("/admin/models").press("Refresh")


@pytest.mark.slow
@pytest.mark.parametrize("people", [4, pytest.param(25, marks=pytest.mark.deep)])
def test_of_many_people_nobody_loses_a_column_and_no_budget_is_exceeded(bench: Bench, fake: Upstream, people: int) -> None:
    fake.counts(60, pace=0.01, cost=0.0001)
    most, chats, refused = len(MODELS) * people + 3, dict[str, str](), list[str]()
    with bench.app.app_context():
        set_settings(NO_LIMITS, author=COMMAND_LINE)
        budgets.create(BudgetInput(who="team", unit="answers", limit=Decimal(most), period="month"), author=COMMAND_LINE)
    with bench.app.app_context(), write() as session:
        persons = [
            User(email=f"{number}@example.org", name=f"{number}", role="member", password_hash="-")
            for number in range(people + 1)
        ]
        session.add_all(persons)
        session.flush()
        ids = [person.id for person in persons]

    def ask(person: str) -> None:
        with bench.app.app_context():
            try:
                chats[person] = sending.start_chat("Count", owner_id=person, models=MODELS).chat_id
            except OverBudget:
                refused.append(person)
                return
            stopped = generations.active_generations(f"chat:{chats[person]}", 2)
            for generation in stopped:
                generations.stop(generation)

    gevent.joinall([gevent.spawn(ask, person) for person in ids], raise_error=True)
    bench.until(lambda: not bench.engine.live, 120)

    assert (len(chats), len(refused)) == (people, 1)
    with bench.app.app_context():
        rows = db.session.scalars(db.select(Generation)).all()
        # Of the one who was refused, nothing is stored.
        assert Counter(row.lane for row in rows) == {f"chat:{chat}": len(MODELS) for chat in chats.values()}
        assert {row.status for row in rows if row.column_number != 2} == {"completed"}
        for row in rows:
            text = db.session.get_one(Message, row.message_id).content.split()
            assert text == counted(60)[: len(text)]
            assert row.status == "stopped" or len(text) == 60
        period = db.session.scalars(db.select(BudgetPeriod)).one()
        assert (period.used <= most, period.reserved) == (True, 0)


@pytest.mark.slow
def test_after_a_kill_each_column_is_continued_in_its_place(bench: Bench, make_app, fake: Upstream) -> None:
    other = Bench(make_app(**fake.environ))
    fake.behaves([{"counted": 120, "pace": 0.01, "stall_after": 60}] * 3)
    fake.counts(120)
    first = bench.ask(person=bench.person(), models=MODELS[:3])
    ids = [generation.id for generation in bench.generations()]
    bench.until(lambda: all("w000060" in bench.said(id) for id in ids))
    for id in ids[1:]:
        bench.until(lambda id=id: bench.engine.live[id].journalled >= 4)
    die(bench, first)

    other.recover()
    other.until(lambda: len(other.generations()) == 6)
    continued = [other.until_ended(generation.id) for generation in other.generations()[3:]]

    assert sorted(generation.column_number for generation in continued) == [1, 2, 3]
    with other.app.app_context():
        chat = db.session.scalars(db.select(Chat)).one()
        assert [other.message(id).content.split() for id in ids] == [counted(120)] * 3
        assert chat.columns == [other.generation(id).message_id for id in ids]
