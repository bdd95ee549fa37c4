"""A page follows an answer that another worker has cut, continued and ended, before this worker learns of the end."""

from datetime import timedelta

from bench.pages import Statements
from tests.engine.bench import Bench
from webapp.base import changes, topic_names
from webapp.base.database import rows
from webapp.base.db import db, utc_now, write
from webapp.chat.record.tables import Message
from webapp.engine.tables import Generation
from webapp.streaming.events import Ended
from webapp.workspace.page.feed import ChatFeed, ChatPosition

PAGES = 100


def test_a_page_that_hears_an_end_late_keeps_what_came_after_it(bench: Bench, fake) -> None:
    fake.behaves([{"counted": 20, "stall_after": 10}])
    id = bench.ask(person=bench.person())
    bench.until(lambda: "w000010" in bench.said(id))
    chat_id = bench.generation(id).lane.removeprefix("chat:")
    feed = ChatFeed(bench.engine, chat_id, None, lambda: bench.app.test_request_context("/"))
    assert 'data-status="responding"' in shown(feed)

    go_on_elsewhere(bench, id)
    bench.engine.logs.topics.append(topic_names.of_generation(id), Ended("interrupted", "server_restart"))
    told = shown(feed)

    assert "the whole of it" in told
    assert 'data-status="completed"' in told
    assert "interrupted" not in told
    assert "w000010" not in told
    assert shown(feed) == ""
    # The run notices that another worker has taken its generation.
    bench.until(lambda: not bench.engine.live)


def test_pages_that_come_in_one_moment_share_what_is_read_of_an_answer_that_another_worker_writes(bench: Bench, fake) -> None:
    fake.says("One")
    id = bench.ask(person=bench.person())
    bench.until(lambda: bench.generation(id).status == "completed")
    chat_id = bench.generation(id).lane.removeprefix("chat:")
    bench.until(lambda: not bench.engine.live)
    position = ChatPosition(bench.engine.logs.topics.epoch, 0, generation=id, cursor=(0, 0, 0, 0))
    signal = bench.engine.signal()

    with bench.app.app_context():
        database = db.engine
    with Statements(database) as statements:
        for _ in range(PAGES):
            ChatFeed(bench.engine, chat_id, position, lambda: bench.app.test_request_context("/")).listen(signal)

    # The cached read expires after a second.
    assert 0 < statements.count < PAGES


def shown(feed: ChatFeed) -> str:
    return "".join(frame.data for frame in feed.news())


def go_on_elsewhere(bench: Bench, id: str) -> None:
    """Continues the answer as another worker does, without the events that this worker would receive."""
    with bench.app.app_context():
        with write() as session:
            cut = session.get_one(Generation, id)
            cut.status, cut.reason, cut.owner, cut.ended_at = "interrupted", "server_restart", "another", utc_now()
            session.flush()
            values = {name: value for name, value in rows.values_of(cut).items() if name not in ("id", "idempotency_key")}
            later = {"status": "completed", "reason": "stop", "continues_id": id, "started_at": utc_now() - timedelta(seconds=1)}
            session.add(Generation(**values | later))
            message = session.get_one(Message, cut.message_id)
            message.content, message.html, message.html_version = "the whole of it", "", 0
            chat_id = message.chat_id
        changes.notify(topic_names.of_chat(chat_id), "message", cut.message_id)
        db.session.rollback()
