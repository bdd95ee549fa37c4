"""A page is a consistent snapshot: whenever an answer ends during the reads, its message and composer agree."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import gevent
import pytest

from tests.chat.conftest import address, ended, ended_with, give, id_of, statuses, texts
from tests.chat.test_chats import add_chats
from tests.chat.test_renderings import say
from tests.support.marks import also_on_postgres, few_of, on_both_databases
from tests.support.statements import listening
from webapp.base.db import db
from webapp.chat.record.tables import Chat
from webapp.engine.engine import ENGINE, the_engine
from webapp.rendering.markdown import VERSION
from webapp.settings.service import set_setting
from webapp.workspace.page import snapshot_shown
from webapp.workspace.page.shown import ShownMessage

TEXT = "w000001 w000002 w000003"


@contextmanager
def ending_before(app, statement: int) -> Iterator[list[str]]:
    """Ends every answer, saved and announced, before the reader's n-th statement; yields the statements sent."""
    engine, reader, sent = ENGINE.of(app), gevent.getcurrent(), []

    def note(_connection, _cursor, sql: str, *_rest: object) -> None:
        if gevent.getcurrent() is not reader:
            return
        sent.append(sql)
        if len(sent) == statement:
            end(engine)

    with listening(app, "before_cursor_execute", note):
        yield sent


def end(engine) -> None:
    for live in engine.live.values():
        live.run.stop.request("user")
    with gevent.Timeout(20, AssertionError):
        while engine.live:
            gevent.sleep(0.01)


def is_one_moment(page) -> bool:
    """Returns whether the answer has ended; asserts that a running one has Stop, and an ended one its text and no Stop."""
    is_running = statuses(page)[-1] in {"queued", "thinking", "responding", "saving"}
    assert page.has("button", "Stop") == is_running, statuses(page)
    assert is_running or texts(page)[-1].startswith(TEXT)
    return not is_running


@pytest.mark.slow
@also_on_postgres
@pytest.mark.parametrize("earlier", few_of([0, 70]))
def test_wherever_an_answer_ends_while_its_page_is_read(owner, app, begin, fake, earlier):
    with app.app_context():
        set_setting("limits.streams_per_minute", "0")
    fake.says("Hello")
    path = owner.wait_for(begin(owner), ended_with(2)).path.partition("#")[0]
    if earlier:
        say(owner, path, ["Earlier"] * earlier, html="<p>Earlier</p>", html_version=1)
    fake.always({"counted": 50, "stall_after": 3})
    seen, statement = set(), 0
    while statement < 60:
        statement += 1
        assert owner.post(f"/chats/{id_of(path)}/messages", message="Count").status_code == 303
        owner.wait_for(path, lambda page: texts(page)[-1].startswith(TEXT))
        with ending_before(app, statement) as sent:
            page = owner.page(path)
        seen.add(is_one_moment(page))
        end(ENGINE.of(app))
        if len(sent) < statement:
            break
    assert seen == {True, False}
    assert 8 < statement < 60


@on_both_databases
def test_since_one_of_its_last_messages_the_end_is_read_alone(owner):
    (chat_id,) = add_chats(owner, 1)
    ids = say(owner, f"/chats/{chat_id}", [f"Number {number}" for number in range(8)], html="<p>1</p>", html_version=VERSION)

    with owner.app.test_request_context():

        def read(since: str) -> list[str] | None:
            found = snapshot_shown.snapshot_since(the_engine(), chat_id, since)
            return found and [message.id for message in found.messages]

        with owner.counting_statements() as statements:
            assert read(ids[5]) == ids[5:]
        assert len([statement for statement in statements if not statement.startswith("BEGIN")]) == 1, statements
        assert read(ids[7]) == ids[7:]
        assert [read(since) for since in (ids[0], "not here")] == [None, None]
        assert snapshot_shown.snapshot_since(the_engine(), "not here", ids[7]) is None


def without_clock(*messages: Any) -> list[Any]:
    """Returns the messages without the seconds of a silence: another can begin between two readings."""
    return [
        replace(message, silence=replace(message.silence, seconds=0)) if isinstance(message, ShownMessage) else message
        for message in messages
    ]


def ends_alike(app, path: str, right: str = "own") -> list[str]:
    """Returns the statuses of a chat's messages; asserts that reading from any message on gives the same end of the thread."""
    with app.test_request_context():
        engine, chat = the_engine(), db.session.get_one(Chat, id_of(path))
        whole = snapshot_shown.read_snapshot(engine, chat, right)
        for at, message in enumerate(whole.thread):
            db.session.rollback()
            end = snapshot_shown.snapshot_since(engine, chat.id, message.id, right)
            assert end
            assert without_clock(*end.thread, end.running) == without_clock(*whole.thread[at:], whole.running)
            assert (end.chat_state, end.given) == (whole.chat_state, whole.given)
        return [message.status for message in whole.thread]


@pytest.mark.slow
@also_on_postgres
def test_the_end_read_alone_is_as_in_the_whole(owner, member, app, path, fake):
    assert ends_alike(app, path) == ["completed"] * 2

    # A second version of the answer; then one that has failed, and a message that waits for a running one.
    owner.post(address(owner.page(path), "Try again"))
    owner.wait_for(path, lambda page: ended(page) and page.says("2 / 2"))
    assert ends_alike(app, path) == ["completed"] * 2
    fake.behaves([{"status": 401}])
    owner.post(f"{path}/messages", message="Second")
    owner.wait_for(path, ended_with(4))
    assert ends_alike(app, path)[-1] == "failed"
    fake.always({"counted": 50, "stall_after": 3})
    owner.post(address(owner.page(path), "Try again"))
    owner.wait_for(path, lambda page: texts(page)[-1].startswith(TEXT))
    owner.post(f"{path}/follow-up", message="Third")
    give(path, member, "write")
    for right in ("own", "write", "view"):
        assert ends_alike(app, path, right)[-1] == "responding"
    end(ENGINE.of(app))
