"""The message that waits: queued while an answer runs, sent when it is complete, never lost and never sent twice."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from tests.chat.conftest import ended, ended_with, id_of, statuses, texts
from tests.generations.bench import Bench
from tests.generations.test_recovery import die
from tests.support.browser import HTMX
from webapp.chat import follow_up
from webapp.chat.kind import changed
from webapp.chat.tables import Chat
from webapp.extensions import db, write
from webapp.generations.tables import Generation
from webapp.settings.service import set_setting


@pytest.fixture
def path(owner, begin, fake) -> str:
    """A chat whose first answer runs."""
    fake.counts(60, pace=0.01)
    return begin(owner, "First")


def queue(browser, path: str, words: str, **more):
    return browser.post(f"{path}/follow-up", message=words, **more)


def test_it_is_shown_and_sent_when_the_answer_is_ended_with(owner, path):
    page = owner.page(path).press("Queue", message="Second")

    assert page.says("Next: Second")
    assert not page.has("button", "Queue")
    assert page.says("One message can wait")
    page = owner.wait_for(path, ended_with(4))
    assert [texts(page)[at] for at in (0, 2)] == ["First", "Second"]
    assert not page.says("Next:")


@pytest.mark.slow
def test_it_can_be_removed_by_a_form(owner, path):
    page = owner.page(path).press("Queue", message="Second")

    page = page.press("Remove", message="Third")
    assert not page.says("Next:")
    assert owner.page(path).one("#composer-text").text().split() == ["Second", "Third"]
    assert owner.post(f"{path}/follow-up/remove").status_code == 303
    fragment = owner.post(f"{path}/follow-up/remove", message="Fourth", headers=HTMX)
    assert fragment.text.startswith('<hx-partial hx-target="#composer-box"')
    assert "Fourth</textarea>" in fragment.text
    assert len(statuses(owner.wait_for(path, ended))) == 2


def test_htmx_gets_a_fresh_composer_and_other_pages_the_line(owner, path):
    fragment = queue(owner, path, "Second", headers=HTMX)

    assert fragment.status_code == 200
    assert fragment.text.startswith('<hx-partial hx-target="#composer-box"')
    assert "Second</p>" in fragment.text
    assert "Next:" in owner.page(path).text


def test_what_cannot_be_stored_is_refused_and_kept(owner, path):
    page = queue(owner, path, "   ")
    assert page.status_code == 422
    assert page.says("Write something first.")

    fragment = queue(owner, path, "x" * 200_001, headers=HTMX)
    assert fragment.status_code == 422
    assert "too long" in fragment.text


@pytest.mark.slow
def test_only_one_waits_and_the_same_twice_is_one(owner, path):
    queue(owner, path, "Second")
    assert queue(owner, path, "Second").status_code == 303

    page = queue(owner, path, "Third")
    assert page.status_code == 409
    assert page.textbox("Message").value == "Third"
    assert page.says("One message is waiting here already.")
    page = owner.wait_for(path, ended_with(4))
    assert texts(page)[2] == "Second"


def test_strangers_and_the_signed_out_are_refused(owner, stranger, visitor, path):
    for action in ("", "/remove", "/send"):
        assert stranger.post(f"{path}/follow-up{action}", message="Mine").status_code == 404
        assert visitor.post(f"{path}/follow-up{action}", message="Mine").location.startswith("/login")
    assert not owner.page(path).says("Mine")


@pytest.mark.slow
def test_it_is_kept_after_stop_and_can_be_sent(owner, path):
    page = owner.page(path).press("Queue", message="Second")
    owner.post(page.action("Stop"))
    page = owner.wait_for(path, ended)

    assert statuses(page)[-1] == "stopped"
    assert page.says("Next: Second")
    owner.post(f"{path}/follow-up/send")
    page = owner.wait_for(path, ended_with(4))
    assert texts(page)[2] == "Second"
    again = owner.post(f"{path}/follow-up/send", headers={"Accept": "application/json"})
    assert again.status_code == 409


@pytest.mark.slow
def test_an_answer_that_has_ended_meanwhile_is_followed_at_once(owner, path):
    stale = owner.page(path)
    owner.wait_for(path, ended_with(2))

    stale.press("Queue", message="Second")

    page = owner.wait_for(path, ended_with(4))
    assert texts(page)[2] == "Second"


@pytest.mark.slow
def test_what_was_stored_while_the_end_was_written_is_sent(owner, path, app):
    owner.wait_for(path, ended_with(2))
    with app.app_context():
        with write(keeps=True) as session:
            chat = session.get_one(Chat, id_of(path))
            generation = session.scalars(select(Generation).where(Generation.lane == chat.lane)).one()
        with app.app_context(), write() as another:
            another.get_one(Chat, id_of(path)).follow_up = "Second"
        changed(generation)

    assert texts(owner.wait_for(path, ended_with(4)))[2] == "Second"


def test_it_waits_when_the_answer_was_continued_until_that_is_ended_with(owner, path, fake):
    page = owner.page(path).press("Queue", message="Second")
    owner.post(page.action("Stop"))
    page = owner.wait_for(path, ended)

    owner.post(page.action("Continue"))

    page = owner.wait_for(path, ended_with(4))
    assert texts(page)[2] == "Second"


@pytest.mark.slow
def test_a_limit_leaves_it_waiting(owner, path, app):
    with app.app_context():
        set_setting("limits.streams_per_minute", "1")
        set_setting("limits.streams_burst", "1")
    page = owner.page(path).press("Queue", message="Second")
    for _ in range(3):
        app.extensions["engine"].rates.take(_person(app, path))

    page = owner.wait_for(path, ended_with(2))
    assert page.says("Next: Second")
    assert page.has("button", "Send it now")


@pytest.mark.slow
def test_it_goes_at_the_end_of_the_answer_whatever_the_moment(owner, app, fake):
    """Queued again and again while short answers end: each is sent once, in order."""
    with app.app_context():
        set_setting("limits.streams_per_minute", "0")
    fake.counts(3, pace=0.002)
    path = owner.submit("/", message="Number 0").path
    for number in range(1, 9):
        owner.wait_for(path, lambda page: not page.says("Next:"))
        assert queue(owner, path, f"Number {number}").status_code == 303
    page = owner.wait_for(path, ended_with(18))

    assert texts(page)[::2] == [f"Number {number}" for number in range(9)]


@pytest.mark.slow
def test_it_is_sent_after_a_restart_when_the_answer_was_continued(make_app: Callable[..., Flask], fake):
    bench, other = Bench(make_app(**fake.environ)), Bench(make_app(**fake.environ))
    fake.counts(120, pace=0.01)
    id = bench.ask(person=bench.person())
    _queue(bench, id, "Second")
    die(bench, id)

    other.engine.begin()

    other.until(lambda: len(other.generations()) == 3)
    assert other.until_ended(other.generations()[-1].id).status == "completed"
    assert [each.text_offset > 0 for each in other.generations()] == [False, True, False]
    assert _chat(other, id).follow_up == ""


def test_what_a_process_left_between_two_messages_is_sent_by_the_next(make_app: Callable[..., Flask], fake):
    bench, other = Bench(make_app(**fake.environ)), Bench(make_app(**fake.environ))
    fake.says("One")
    id = bench.ask(person=bench.person())
    bench.until_ended(id)
    bench.engine.finish(seconds=2)
    with bench.app.app_context(), write() as session:
        session.get_one(Chat, bench.generation(id).lane.removeprefix("chat:")).follow_up = "Second"

    other.engine.begin()

    other.until(lambda: len(other.generations()) == 2)
    assert other.until_ended(other.generations()[-1].id).status == "completed"


@pytest.mark.slow
def test_a_graceful_end_keeps_it_for_the_next_process(make_app: Callable[..., Flask], fake):
    bench, other = Bench(make_app(**fake.environ)), Bench(make_app(**fake.environ))
    fake.counts(120, pace=0.01)
    id = bench.ask(person=bench.person())
    _queue(bench, id, "Second")
    bench.until(lambda: bench.said(id) != "")
    bench.engine.finish(seconds=2)
    bench.engine.worker.end()
    assert _chat(bench, id).follow_up == "Second"

    other.engine.begin()

    other.until(lambda: len(other.generations()) == 3)
    assert _chat(other, id).follow_up == ""


@pytest.mark.slow
def test_a_deleted_chat_sends_nothing(owner, path, app):
    owner.page(path).press("Queue", message="Second")
    id = id_of(path)
    with app.app_context(), write() as session:
        chat = session.get_one(Chat, id)
        chat.deleted_at = chat.created_at
    engine = app.extensions["engine"]
    Bench(app).until(lambda: not engine.live)

    assert len(Bench(app).generations()) == 1


def _queue(bench: Bench, generation_id: str, words: str) -> None:
    with bench.app.app_context():
        id = bench.generation(generation_id).lane.removeprefix("chat:")
        follow_up.queue(db.session.get_one(Chat, id), words)


def _chat(bench: Bench, generation_id: str) -> Chat:
    with bench.app.app_context():
        return db.session.get_one(Chat, bench.generation(generation_id).lane.removeprefix("chat:"))


def _person(app: Flask, path: str) -> str:
    with app.app_context():
        return db.session.get_one(Chat, id_of(path)).owner_id or ""
