"""Writing a story blocks nothing: little of a long chat is read, and a story that is interrupted is discarded."""

import gevent
import pytest
from sqlalchemy import func, insert, select, update

from tests.api.client import client_of
from tests.characters.test_character_chats import knows
from tests.characters.test_story import TALE, chat_is_told, looks, numbered, stories, told, words_of
from tests.chat.conftest import id_of, until_settled
from tests.chat.test_long_chats import longest_hold
from tests.support.marks import also_on_postgres
from tests.support.waiting import until
from tests.upstream.handle import STORY
from webapp.base.db import db, utc_now, write
from webapp.chat.record.tables import Chat, Message, Story
from webapp.chat.story import service as story_service
from webapp.engine.duties import recovery
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation
from webapp.settings.service import set_setting

__all__ = ["looks", "told"]
MESSAGES, CHARS, BATCH = 4_000, 5_000, 200
MOST_SECONDS = 0.3


def fill(app, chat: str, *, words: str) -> str:
    """Inserts many messages into a chat and returns the id of the last."""
    with app.app_context(), write() as session:
        row = session.get_one(Chat, id_of(chat))
        parent = row.head_id
        for start in range(0, MESSAGES, BATCH):
            ids = [f"m{number:025}" for number in range(start, start + BATCH)]
            above = [parent, *ids[:-1]]
            parent = ids[-1]
            about = {"chat_id": row.id, "content": words}
            said = zip(ids, above, range(start, start + BATCH), strict=True)
            rows = [{**about, "id": id, "parent_id": up, "role": "assistant" if at % 2 else "user"} for id, up, at in said]
            session.execute(insert(Message), rows)
        row.head_id = parent
    return parent


@pytest.mark.slow
@also_on_postgres
def test_a_huge_chat_holds_nobody_up_and_is_told_from_its_beginning(app, chat, fake):
    knows(app, "fake/plain", 128_000)
    head = fill(app, chat, words="Some words of it. " * (CHARS // 18))
    found = []

    def look() -> None:
        with app.app_context():
            row = db.session.get_one(Chat, id_of(chat))
            found.extend([story_service.due(row, head, "fake/plain", 24_000), story_service.rest_of(row, 24_000)])

    assert longest_hold(look) < MOST_SECONDS
    due, every = found
    assert due.message_id == every.message_id < f"m{40:025}"
    assert due.words.startswith("Mara: *Looks up.* What is it?\n\nJo: Some words")
    assert len(due.words) < 150_000


@pytest.mark.slow
def test_a_message_that_is_too_long_is_told_by_its_beginning_and_end(app, chat):
    with app.app_context(), write() as session:
        row = session.get_one(Chat, id_of(chat))
        message = Message(chat_id=row.id, parent_id=row.head_id, role="user", content=f"First {'word ' * 300_000} last")
        session.add(message)
        session.flush()
        row.head_id = message.id
    with app.app_context():
        row = db.session.get_one(Chat, id_of(chat))
        first = story_service.rest_of(row, 500)
        assert first.words == "Mara: *Looks up.* What is it?"
        with write() as session:
            session.add(Story(chat_id=row.id, message_id=first.message_id, text="It began."))
        second = story_service.rest_of(db.session.get_one(Chat, id_of(chat)), 500)

    assert second.words.startswith("Jo: First word")
    assert second.words.endswith("word  last")
    assert "\n[…]\n" in second.words
    assert len(second.words) < 3_000


@pytest.mark.slow
def test_what_a_dead_worker_left_is_written_after_the_next_answer(app, told, chat):
    engine, lane = ENGINE.of(app), f"story:{id_of(chat)}"
    with app.app_context(), write() as session:
        left = Generation(kind="story", lane=lane, model_asked="fake/plain", owner="dead", status="running")
        left.heartbeat_at = utc_now().replace(year=2020)
        session.add(left)
    with app.app_context():
        engine.begin()
        recovery.settle_orphans(engine)
    told(*numbered(1, 2, 3, 4))

    # It begins in a greenlet of its own, at times only after all that ran has settled.
    until(lambda: bool(stories(app)), "the story is written")
    until_settled(app)
    assert [story.text for story in stories(app)] == [TALE]
    with app.app_context():
        statuses = select(Generation.status).where(Generation.kind == "story").order_by(Generation.created_at)
        assert db.session.scalars(statuses).all() == ["interrupted", "completed"]


@pytest.mark.slow
def test_what_a_dead_worker_left_is_in_nobodys_way(app, told, chat, member):
    told("One")
    with app.app_context(), write() as session:
        session.add(Generation(kind="story", lane=f"story:{id_of(chat)}", model_asked="fake/plain", owner="", status="running"))

    assert member.htmx_post(f"{chat}/story/write", text="", was="").status_code == 200
    assert [story.text for story in stories(app)] == [TALE]


@pytest.mark.slow
def test_one_that_is_cut_off_keeps_nothing(app, told, chat, member, fake):
    fake.always({"steps": [{"hang": True}]}, at=STORY)
    for text in numbered(1, 2, 3, 4):
        count = len(member.page(chat).message_ids)
        member.submit(chat, message=text)
        until(lambda count=count: chat_is_told(app, chat) >= count + 2, "it is answered")
    until(fake.stories, "a story is asked for")
    member.post(f"{chat}/story/forget")
    until_settled(app)

    with app.app_context():
        assert db.session.scalars(select(Generation.status).where(Generation.kind == "story")).all() == ["stopped"]
    assert not stories(app)
    fake.always({"says": TALE}, at=STORY)
    told("And now?")
    assert stories(app)


@pytest.mark.slow
def test_one_that_is_forgotten_when_it_has_come_does_not_come_back(app, told, chat, member, fake):
    told("One")
    with app.app_context():
        # The story ends before the journal notices the stop requested at another worker.
        set_setting("stream.journal_ms", "10000")
    fake.always({"says": TALE, "delay": 60}, at=STORY)
    writing = gevent.spawn(member.htmx_post, f"{chat}/story/write", text="", was="")
    until(fake.stories, "a story is asked for")
    with app.app_context(), write() as session:
        session.execute(update(Generation).where(Generation.kind == "story").values(stop_requested_at=utc_now()))
    fake.over()
    writing.get(timeout=30)

    with app.app_context():
        assert db.session.scalars(select(Generation.status).where(Generation.kind == "story")).all() == ["completed"]
    assert not stories(app)


@pytest.mark.slow
def test_a_budget_that_is_used_up_leaves_it_for_later(app, owner, told, chat, member, fake):
    told("One")
    admin, program = client_of(app, owner.email), client_of(app, member.email)
    budget = admin.post("/budgets", {"who": "team", "unit": "tokens", "limit": 1, "period": "month"}, status=201)

    answer = member.htmx_post(f"{chat}/story/write", text="", was="")
    assert answer.status_code == 402
    program.said("POST", f"/chats/{id_of(chat)}/story", 402)
    assert not fake.stories()
    admin.said("DELETE", f"/budgets/{budget['id']}", 204)
    assert member.htmx_post(f"{chat}/story/write", text="", was="").status_code == 200
    assert "Jo: One" in words_of(fake.stories()[0])


def test_it_is_on_record_as_what_it_is(app, told, chat, member):
    told("One")
    member.htmx_post(f"{chat}/story/write", text="", was="")

    with app.app_context():
        record = db.session.scalars(select(Generation).where(Generation.kind == "story")).one()
        assert (record.user_id, record.prompt, record.message_id, record.lane) == (
            member.person_id,
            {},
            None,
            f"story:{id_of(chat)}",
        )
        assert db.session.scalar(select(func.count()).select_from(Story)) == 1
