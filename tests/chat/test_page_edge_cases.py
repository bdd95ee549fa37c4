"""Edge cases: messages below a deleted one, answers above the displayed page, times near zero, long messages."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.chat.conftest import ended, ended_with, id_of
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Invalid
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.models.connections.providers import providers
from webapp.settings import service as settings
from webapp.workspace.page import answer_shown, composer_shown
from webapp.workspace.page.snapshot_shown import hidden_answer, state_of


@pytest.mark.slow
def test_what_stands_below_a_deleted_message_is_out_of_reach(owner, answered):
    path = answered(owner, "First")
    owner.post(f"{path}/messages", message="Second")
    page = owner.wait_for(path, ended_with(4))
    *_, deleted, below = page.message_ids
    sent = next(link.attributes["href"] for link in page.all(f"#message-{below} .sent-link"))
    owner.post(f"/messages/{deleted}/delete")

    for place in (f"/messages/{below}.md", f"/messages/{below}.txt", f"/messages/{below}/place", sent):
        assert owner.get(place).status_code == 404, place
    assert owner.get(f"{path}/earlier?until={below}").status_code == 404
    for deed in ("again", "continue", "version", "feedback"):
        assert owner.post(f"/messages/{below}/{deed}").status_code == 404, deed
    owner.post(f"{path}/messages", message="Third", after=below)
    page = owner.wait_for(path, lambda page: ended(page) and "Third" in page.text)
    assert below not in page.message_ids
    owner.post(f"/messages/{deleted}/restore")
    assert owner.get(f"/messages/{below}.md").status_code == 200


def test_an_answer_above_the_page_can_be_stopped(owner, answered):
    chat_id = id_of(answered(owner, "First"))
    with owner.app.test_request_context():
        with write() as session:
            parent = session.get_one(Chat, chat_id).head_id
            for number in range(queries.WINDOW):
                message = Message(chat_id=chat_id, parent_id=parent, role="user", content=str(number))
                session.add(message)
                session.flush()
                parent = message.id
            session.get_one(Chat, chat_id).head_id = parent
            generation = session.scalars(select(Generation).where(Generation.kind == "chat")).one()
            generation.status = "running"
            generation_id = generation.id
        chat = db.session.get_one(Chat, chat_id)
        now = state_of(chat)
        assert now.active
        around = composer_shown.composer_values(chat, queries.window(chat), hidden_answer(chat, now.active.id), "own", now)
        assert around["running"].stop_url == f"/generations/{generation_id}/stop"


@pytest.mark.parametrize(("seconds", "words"), [(0.04, "for a moment"), (0.1, "for 0.1 s"), (2.51, "for 2.5 s")])
def test_a_moment_is_not_written_as_nothing(seconds, words):
    now = utc_now()
    generation = Generation(started_at=now, first_text_at=now + timedelta(seconds=seconds))

    assert answer_shown.reasoning_label([generation]) == f"Thought {words}"


@pytest.mark.slow
def test_a_long_message_of_ones_own_is_folded_and_whole(owner, begin, fake):
    fake.says("line\n" * 50)
    path = begin(owner, "line\n" * 13)
    page = owner.wait_for(path, ended)

    assert len(page.all("input.fold")) == 1
    assert page.says("Show all")
    assert page.all(".message-text")[0].text().count("line") == 13
    assert not owner.page(begin(owner, "line\n" * 12)).all("input.fold")


def test_the_demo_answers_members_only_where_it_may(owner):
    with owner.app.app_context():
        assert settings.setting("demo.fallback") == "when_no_key"
        with pytest.raises(Invalid):
            providers().for_model("demo/quick")
        assert providers().for_model("demo/quick", for_visitor=True)
        settings.set_setting("demo.fallback", "always")
        assert providers().for_model("demo/quick")


def test_an_answer_is_copied_as_its_words_alone(owner, begin, fake):
    fake.says("# A **bold** title\n\n- one\n- two")
    path = begin(owner)
    id = owner.wait_for(path, ended).message_ids[-1]

    page = owner.get(f"/messages/{id}.txt")
    assert page.text == "A bold title\none\ntwo"
    assert owner.page(f"/messages/{id}/actions").all(f"[data-copy='/messages/{id}.txt']")
