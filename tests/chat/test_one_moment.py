"""A page is one moment: wherever an answer ends while it is read, its message and its composer say the same."""

from collections.abc import Iterator
from contextlib import contextmanager

import gevent
import pytest

from tests.chat.conftest import ended_with, id_of, statuses, texts
from tests.chat.test_listing import add_chats
from tests.chat.test_renderings import say
from tests.support.marks import also_on_postgres, few_of, on_both_databases
from tests.support.statements import listening
from webapp.chat.page import moment_shown
from webapp.chat.tables import Chat
from webapp.db import db
from webapp.engine.engine import the_engine
from webapp.settings.service import set_setting

TEXT = "w000001 w000002 w000003"


@contextmanager
def ending_before(app, statement: int) -> Iterator[list[str]]:
    """Ends every answer, saved and told, before this reader sends its n-th statement; gives those that were sent."""
    engine, reader, sent = app.extensions["engine"], gevent.getcurrent(), []

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
        live.run.stop.ask("user")
    with gevent.Timeout(20, AssertionError):
        while engine.live:
            gevent.sleep(0.01)


def is_one_moment(page) -> bool:
    """Whether the last message runs and can be stopped, or has ended with its text and cannot."""
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
        end(app.extensions["engine"])
        if len(sent) < statement:
            break
    assert seen == {True, False}
    assert 8 < statement < 60


@on_both_databases
def test_since_a_message_only_that_and_what_follows_is_read(owner):
    (chat_id,) = add_chats(owner, 1)
    ids = say(owner, f"/chats/{chat_id}", [f"Number {number}" for number in range(6)])

    with owner.app.test_request_context():

        def read(since: str) -> list[str]:
            chat = db.session.get_one(Chat, chat_id)
            return [message.id for message in moment_shown.read(the_engine(), chat, since=since).messages]

        assert (read(ids[3]), read(ids[5]), read("not here")) == (ids[3:], ids[5:], ids)
