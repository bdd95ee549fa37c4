"""The HTML of stored messages is rendered where it is missing or outdated; the text never depends on it."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

import gevent
import pytest
from sqlalchemy import func, insert, select, update

from tests.chat.conftest import ended, raw_of_last, texts
from tests.chat.test_chats import add_chats
from tests.rendering.test_fallback import failing_at
from tests.support.marks import also_on_postgres
from tests.support.turns import longest_turn
from webapp.base.db import db, write
from webapp.base.ids import new_id
from webapp.chat.kind import CHAT
from webapp.chat.messages import renderings
from webapp.chat.messages.projection import AnswerProjection
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation
from webapp.rendering.markdown import VERSION, GrowingMarkdown

HOSTILE = "> - > - ! ![](" * 14_000


@pytest.fixture
def path(owner) -> str:
    return f"/chats/{add_chats(owner, 1)[0]}"


def say(owner, path: str, contents: Sequence[str], **values) -> list[str]:
    """Stores a chain of messages without HTML, as an import can."""
    ids, chat_id = [new_id() for _ in contents], path.rpartition("/")[2]
    rows = [
        {"id": id, "chat_id": chat_id, "role": "assistant", "content": content} for id, content in zip(ids, contents, strict=True)
    ]
    parents = [None, *ids]
    with owner.app.app_context(), write() as session:
        session.execute(insert(Message), [{**row, "parent_id": parents[n], **values} for n, row in enumerate(rows)])
        session.get_one(Chat, chat_id).head_id = ids[-1]
    return ids


def stale(owner) -> int:
    with owner.app.app_context():
        return db.session.scalar(select(func.count()).select_from(Message).where(renderings.IS_STALE)) or 0


def marked(page) -> list[str]:
    return [node.text() for node in page.all(".message-text strong")]


@also_on_postgres
@pytest.mark.parametrize("before", [{"html": "", "html_version": 0}, {"html": "<p>old</p>", "html_version": VERSION - 1}])
def test_what_is_shown_is_rendered_and_kept(owner, path, before):
    (id,) = say(owner, path, ["**new**"], **before)

    assert marked(owner.page(path)) == ["new"]
    with owner.app.app_context():
        message = db.session.get_one(Message, id)
        assert (message.html, message.html_version) == ("<p><strong>new</strong></p>\n", VERSION)


def test_html_that_is_missing_is_made_whatever_its_version_says(owner, path):
    say(owner, path, ["**new**", "[only]: /a-definition"], html="", html_version=VERSION)

    assert marked(owner.page(path)) == ["new"]
    with owner.counting_statements() as statements:
        owner.page(path)
    assert not [statement for statement in statements if statement.startswith("UPDATE messages")]


@pytest.mark.slow
@also_on_postgres
def test_of_a_long_chat_only_what_is_shown_is_rendered(owner, path):
    say(owner, path, [f"**{n}**" for n in range(10_000)])

    page = owner.page(path)
    assert marked(page) == [str(n) for n in range(9_940, 10_000)]
    assert stale(owner) == 9_940
    earlier = owner.page(page.one("#earlier a").attributes["href"])
    assert marked(earlier) == [str(n) for n in range(9_880, 9_940)]
    assert stale(owner) == 9_880


@pytest.mark.slow
def test_many_long_texts_hold_up_nobody_and_are_shown_as_they_are_until_their_turn(owner, path):
    ids = say(owner, path, [f"{n} {HOSTILE}" for n in range(5)])

    with owner.app.app_context():
        chat = db.session.get_one(Message, ids[0]).chat_id
        with longest_turn() as longest:
            messages = renderings.with_current_html(lambda: queries.window(db.session.get_one(Chat, chat)))
        assert longest.seconds < 0.5
        assert [renderings.is_stale(message) for message in messages] == [True, True, True, False, False]
        assert [renderings.html_of(message)[:5] for message in messages] == ["<p>0 ", "<p>1 ", "<p>2 ", "<p>3 ", "<p>4 "]


@pytest.mark.slow
@also_on_postgres
def test_the_rest_is_rendered_little_by_little_and_then_there_is_nothing_to_do(owner, path):
    say(owner, path, ["**new**"] * 150 + [""] * 2)

    with owner.app.app_context():
        assert renderings.render_stale_parts()
        assert 0 < stale(owner) < 150
        while renderings.render_stale_parts():
            pass
    assert stale(owner) == 0


@pytest.mark.slow
def test_a_start_sees_to_what_is_old(owner, path):
    say(owner, path, ["**new**"] * 3)

    with owner.app.app_context():
        assert CHAT.recover
        CHAT.recover()
    with gevent.Timeout(30, AssertionError):
        while stale(owner):
            gevent.sleep(0.05)


def test_where_an_answer_was_cut_is_still_shown(owner, path):
    (id,) = say(owner, path, ["One **two**"])
    made = [new_id(), new_id()]
    with owner.app.app_context(), write() as session:
        common = {"kind": "chat", "lane": f"chat:{path}", "message_id": id, "model_asked": "m", "owner": "", "status": "stopped"}
        session.add(Generation(id=made[0], reason="user", **common))
        session.flush()
        session.add(Generation(id=made[1], continues_id=made[0], text_offset=4, reason="user", **common))

    assert "stopped here · continued" in owner.page(path).one(".seam").text()


def test_what_cannot_be_stored_is_shown_all_the_same(owner, path):
    say(owner, path, ["**new**"])

    with owner.app.app_context():
        file = db.engine.url.database
    with closing(sqlite3.connect(str(file), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert marked(owner.page(path)) == ["new"]
        other.execute("ROLLBACK")
    assert stale(owner) == 1
    with owner.app.app_context():
        renderings.render_stale_parts()
    assert stale(owner) == 0


def test_a_text_that_has_grown_meanwhile_keeps_its_place(owner, path):
    (id,) = say(owner, path, ["**old**"])

    def grow() -> None:
        with owner.app.app_context(), write() as session:
            session.execute(update(Message).values(content="**old** and **new**"))

    with owner.app.app_context():
        message = db.session.get_one(Message, id)
        # It runs as soon as the renderer yields.
        growing = gevent.spawn(grow)
        renderings.render_stale_messages([message])
        growing.get(timeout=60)
    assert stale(owner) == 1
    assert marked(owner.page(path)) == ["old", "new"]


@also_on_postgres
def test_an_answer_that_cannot_be_rendered_is_saved_and_shown(owner, app, begin, fake, listen, caplog):
    def projection(generation: Generation) -> AnswerProjection:
        growing = partial(GrowingMarkdown, markdown=failing_at("late"))
        return AnswerProjection(generation.message_id or "", generation.id, growing=growing)

    ENGINE.of(app).register(replace(CHAT, projection=projection))
    # A page must watch, since an answer without watchers is not rendered as it grows.
    fake.says("*One*\n\nand late <b> more", holds=[0, 1])
    path = begin(owner)
    listener = listen(owner, owner.page(path).events_url)
    fake.goes_on()
    listener.until(lambda feed: "<em>One</em>" in feed.html)
    fake.goes_on()
    page = owner.wait_for(path, ended)

    assert raw_of_last(page) == "*One*\n\nand late <b> more"
    # The first paragraph had been finished before.
    assert texts(page)[-1] == "One and late <b> more"
    assert sum("can't be rendered" in record.message for record in caplog.records) == 1
