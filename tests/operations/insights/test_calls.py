"""Figures of calls: by tool and by day, on the page and in the API; members see their own, and imported calls don't count."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.api.client import client_of
from tests.support.browser import Browser
from tests.support.marks import on_both_databases
from webapp.base.db import utc_now, write
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import NOT_HERE, Generation
from webapp.operations.insights.calls import MOST_TOOLS, summed
from webapp.tools.tables import Call

Made = Callable[..., None]


@pytest.fixture
def made(owner: Browser) -> Made:
    """Stores an answer of a person, with calls: each a tool, a state and its time in milliseconds."""

    def made(*calls: tuple[str, str, int | None], by: Browser = owner, days_ago: int = 0, kind: str = "chat") -> None:
        at = utc_now() - timedelta(days=days_ago, minutes=2)
        with owner.app.app_context(), write() as session:
            chat = Chat(owner_id=by.person_id, model="m")
            session.add(chat)
            session.flush()
            message = Message(chat_id=chat.id, role="assistant", content="So.", call_count=len(calls))
            session.add(message)
            session.flush()
            about: dict[str, Any] = {"lane": f"chat:{chat.id}", "owner": "", "status": "completed", "reason": "stop"}
            generation = Generation(kind=kind, message_id=message.id, user_id=by.person_id, model_asked="m", **about)
            generation.created_at, generation.ended_at = at, at + timedelta(seconds=9)
            session.add(generation)
            session.flush()
            for number, (tool, state, ms) in enumerate(calls):
                call = Call(message_id=message.id, generation_id=generation.id, round=1, number=number, tool=tool, state=state)
                call.upstream_id, call.title, call.arguments, call.policy, call.asked_at = "c", tool, "{}", "allow", at
                if ms is not None:
                    call.started_at, call.ended_at = at, at + timedelta(milliseconds=ms)
                session.add(call)

    return made


@on_both_databases
def test_calls_are_counted_by_tool_and_by_day(owner: Browser, made: Made) -> None:
    made(("read_page", "done", 100), ("read_page", "done", 300), ("read_page", "failed", 900), ("mail.send", "denied", None))
    made(("read_page", "done", 200), days_ago=2)
    made(("read_page", "done", 200), days_ago=20)
    made(("read_page", "done", 200), kind=NOT_HERE)
    found = client_of(owner.app, owner.email).get("/insights/calls")
    assert found["tools"] == [
        {"tool": "read_page", "calls": 4, "states": {"done": 3, "failed": 1}, "median_ms": 200},
        {"tool": "mail.send", "calls": 1, "states": {"denied": 1}, "median_ms": None},
    ]
    assert [day["calls"] for day in found["days"]] == [1, 4]


def test_the_page_shows_them_as_tables(owner: Browser, made: Made) -> None:
    assert not owner.page("/insights").says("Tool calls")
    made(("read_page", "done", 100), ("<b>odd</b>", "failed", None))
    page = owner.page("/insights")
    lines = [[cell.text(strip=True) for cell in row.css("th, td")] for row in page.all('[aria-labelledby="calls"] tbody tr')]
    assert lines[:2] == [
        ["<b>odd</b>", "1", "0", "1", "0", "–"],
        ["Read a web page", "1", "1", "0", "0", "100 ms"],
    ]
    assert lines[2][1:] == ["2", "1", "1", "0", "100 ms"]


def test_members_see_their_own_and_admins_filter_by_person(owner: Browser, member: Browser, made: Made) -> None:
    made(("read_page", "done", 100))
    made(("search_web", "done", 100), by=member)
    own = client_of(member.app, member.email).get("/insights/calls")
    assert [tool["tool"] for tool in own["tools"]] == ["search_web"]
    assert not member.page("/insights").says("Read a web page")
    admin = client_of(owner.app, owner.email)
    assert len(admin.get("/insights/calls")["tools"]) == 2
    one = admin.get("/insights/calls", query={"user": member.person_id})["tools"]
    assert [tool["tool"] for tool in one] == ["search_web"]


def test_tools_that_models_make_up_are_summed() -> None:
    now = utc_now()
    tools, days = summed((now, f"made up {number}", "failed", None) for number in range(MOST_TOOLS + 30))
    assert len(tools) == MOST_TOOLS + 1
    assert (tools["others"].calls, days[now].calls) == (30, MOST_TOOLS + 30)
