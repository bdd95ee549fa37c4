"""The follow-up message: queued while an answer runs, sent when it is complete, never lost and never sent twice."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import delete, select

from tests.api.client import client_of
from tests.chat.conftest import ended, ended_with, give, id_of, statuses, texts
from tests.engine.bench import Bench
from tests.engine.injection import install
from tests.engine.test_recovery import die
from tests.support.browser import HTMX
from webapp.base.db import db, write
from webapp.chat.kind import changed
from webapp.chat.messages import follow_up
from webapp.chat.record.tables import Chat, FollowUp, Message
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation
from webapp.people.accounts.tables import Grant
from webapp.settings.service import set_setting


@pytest.fixture
def path(owner, begin, fake) -> str:
    """A chat whose first answer runs until the test ends it; later answers are short."""
    fake.behaves([{"counted": 4_000, "pace": 0.05}])
    fake.counts(3)
    path = begin(owner, "First")
    # A test that stops it before its request arrives would leave the long answer to the next one.
    fake.until_asked()
    return path


def queue(browser, path: str, words: str, **more):
    return browser.post(f"{path}/follow-up", message=words, **more)


def test_it_is_shown_and_sent_when_the_answer_is_ended_with(owner, path, fake):
    page = owner.page(path).press("Queue", message="Second")

    assert page.says("Next: Second")
    assert page.has("button", "Queue")
    fake.over()
    page = owner.wait_for(path, ended_with(4))
    assert [texts(page)[at] for at in (0, 2)] == ["First", "Second"]
    assert not page.says("Next:")


@pytest.mark.slow
def test_it_can_be_removed_by_a_form(owner, path, fake):
    page = owner.page(path).press("Queue", message="Second")

    page = page.press("Remove", message="Third")
    assert not page.says("Next:")
    assert owner.page(path).one("#composer-text").text().split() == ["Second", "Third"]
    assert owner.post(f"{path}/follow-up/remove").status_code == 303
    fragment = owner.post(f"{path}/follow-up/remove", message="Fourth", headers=HTMX)
    assert fragment.text.startswith('<hx-partial hx-target="#composer-box"')
    assert "Fourth</textarea>" in fragment.text
    fake.over()
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
def test_several_wait_in_their_order_and_the_same_twice_is_one(owner, path, fake):
    for words in ("Second", "Second", "Third", "Fourth"):
        assert queue(owner, path, words).status_code == 303

    page = owner.page(path)
    assert [" ".join(row.text().split()) for row in page.all(".next__text")] == ["Next: Second", "Then: Third", "Then: Fourth"]
    fake.over()
    page = owner.wait_for(path, ended_with(8))
    assert texts(page)[::2] == ["First", "Second", "Third", "Fourth"]


@pytest.mark.slow
def test_each_is_edited_and_removed_in_its_place(owner, path, fake):
    for words in ("Second", "Third", "Fourth"):
        queue(owner, path, words)
    second, third, fourth = (row.attributes["value"] for row in owner.page(path).all(".next__row [name=waiting][type=hidden]"))

    assert owner.post(f"{path}/follow-up/edit", waiting=third, message="Third, in other words").status_code == 303
    assert owner.post(f"{path}/follow-up/edit", waiting=second, message="  ").status_code == 422
    owner.post(f"{path}/follow-up/remove", waiting=fourth)
    assert owner.page(path).textbox("Message").value == "Fourth"
    fake.over()
    page = owner.wait_for(path, ended_with(6))
    assert texts(page)[::2] == ["First", "Second", "Third, in other words"]
    assert owner.post(f"{path}/follow-up/edit", waiting=third, message="Too late", headers=HTMX).status_code == 409


@pytest.mark.slow
def test_so_many_wait_and_no_more(owner, path):
    for number in range(20):
        queue(owner, path, f"Number {number}")
    page = queue(owner, path, "One more")

    assert page.status_code == 409
    assert page.textbox("Message").value == "One more"
    assert page.says("20 messages are already queued.")


def test_all_that_waits_is_no_longer_than_one_message(owner, path):
    with owner.app.app_context():
        set_setting("limits.message_chars", "30")
    assert queue(owner, path, "a" * 10).status_code == 303
    assert queue(owner, path, "b" * 10).status_code == 303
    page = queue(owner, path, "c" * 11)

    assert page.status_code == 409
    assert page.says("Together, the queued messages are too long.")
    with owner.app.app_context():
        first, _ = follow_up.waiting_in(id_of(path))
    assert owner.post(f"{path}/follow-up/edit", waiting=first.id, message="a" * 20, headers=HTMX).status_code == 204
    assert owner.post(f"{path}/follow-up/edit", waiting=first.id, message="a" * 21, headers=HTMX).status_code == 409
    owner.post(owner.page(path).action("Stop"))


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
def test_an_answer_that_has_ended_meanwhile_is_followed_at_once(owner, path, fake):
    stale = owner.page(path)
    fake.over()
    owner.wait_for(path, ended_with(2))

    stale.press("Queue", message="Second")

    page = owner.wait_for(path, ended_with(4))
    assert texts(page)[2] == "Second"


@pytest.mark.slow
def test_what_was_stored_while_the_end_was_written_is_sent(owner, path, app, fake):
    fake.over()
    owner.wait_for(path, ended_with(2))
    with app.app_context():
        with write(keeps_loaded=True) as session:
            chat = session.get_one(Chat, id_of(path))
            generation = session.scalars(select(Generation).where(Generation.lane == chat.lane)).one()
        with app.app_context(), write() as another:
            another.add(FollowUp(chat_id=id_of(path), text="Second", model="some/model"))
        changed(generation)

    assert texts(owner.wait_for(path, ended_with(4)))[2] == "Second"


@pytest.mark.slow
def test_it_waits_when_the_answer_was_continued_until_that_is_ended_with(owner, path, fake):
    page = owner.page(path).press("Queue", message="Second")
    owner.post(page.action("Stop"))
    page = owner.wait_for(path, ended)

    fake.counts(4_000)
    owner.post(page.action("Continue"))

    page = owner.wait_for(path, ended_with(4))
    assert texts(page)[2] == "Second"


@pytest.mark.slow
def test_a_limit_leaves_it_waiting(owner, path, app, fake):
    with app.app_context():
        set_setting("limits.streams_per_minute", "1")
        set_setting("limits.streams_burst", "1")
    page = owner.page(path).press("Queue", message="Second")
    for _ in range(3):
        ENGINE.of(app).admission.rates.take(_person(app, path))
    fake.over()

    page = owner.wait_for(path, ended_with(2))
    assert page.says("Next: Second")
    assert page.has("button", "Send now")


@pytest.mark.slow
def test_it_goes_at_the_end_of_the_answer_whatever_the_moment(owner, app, fake):
    """Queues a message again and again while short answers end: each is sent once, in order."""
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
    fake.behaves([{"counted": 4_000, "pace": 0.01}])
    fake.counts(4_000)
    id = bench.ask(person=bench.person())
    _queue(bench, id, "Second")
    die(bench, id)

    other.recover()

    other.until(lambda: len(other.generations()) == 3)
    assert other.until_ended(other.generations()[-1].id).status == "completed"
    assert [generation.text_offset > 0 for generation in other.generations()] == [False, True, False]
    assert _waiting(other, id) == []


def test_what_a_process_left_between_two_messages_is_sent_by_the_next(make_app: Callable[..., Flask], fake):
    bench, other = Bench(make_app(**fake.environ)), Bench(make_app(**fake.environ))
    fake.says("One")
    id = bench.ask(person=bench.person())
    bench.until_ended(id)
    bench.engine.finish(seconds=30)
    with bench.app.app_context(), write() as session:
        session.add(FollowUp(chat_id=bench.generation(id).lane.removeprefix("chat:"), text="Second", model="some/model"))

    other.recover()

    other.until(lambda: len(other.generations()) == 2)
    assert other.until_ended(other.generations()[-1].id).status == "completed"


@pytest.mark.slow
def test_a_graceful_end_keeps_it_for_the_next_process(make_app: Callable[..., Flask], fake):
    bench, other = Bench(make_app(**fake.environ)), Bench(make_app(**fake.environ))
    fake.behaves([{"counted": 4_000, "pace": 0.01}])
    fake.counts(4_000)
    id = bench.ask(person=bench.person())
    _queue(bench, id, "Second")
    bench.until(lambda: bench.said(id) != "")
    bench.engine.finish(seconds=30)
    bench.engine.worker.end()
    assert _waiting(bench, id) == ["Second"]

    other.recover()

    other.until(lambda: len(other.generations()) == 3)
    assert _waiting(other, id) == []


@pytest.mark.slow
def test_a_deleted_chat_sends_nothing(owner, path, app, fake):
    owner.page(path).press("Queue", message="Second")
    id = id_of(path)
    with app.app_context(), write() as session:
        chat = session.get_one(Chat, id)
        chat.deleted_at = chat.created_at
    bench = Bench(app)
    fake.over()
    bench.until(lambda: not bench.engine.live)

    assert len(bench.generations()) == 1


def _queue(bench: Bench, generation_id: str, words: str) -> None:
    with bench.app.app_context():
        id = bench.generation(generation_id).lane.removeprefix("chat:")
        follow_up.queue(db.session.get_one(Chat, id), words)


def _waiting(bench: Bench, generation_id: str) -> list[str]:
    with bench.app.app_context():
        return [waiting.text for waiting in follow_up.waiting_in(bench.generation(generation_id).lane.removeprefix("chat:"))]


def _person(app: Flask, path: str) -> str:
    with app.app_context():
        return db.session.get_one(Chat, id_of(path)).owner_id or ""


# The first two statements only detect that a message waits, hence the third.
@pytest.mark.parametrize(("sort", "n"), [("commit", 1), ("execute", 3)])
def test_it_is_sent_later_when_the_database_fails_at_its_moment(app: Flask, sort, n):
    faults, _demo = install(app)
    bench = Bench(app)
    with app.app_context():
        set_setting("demo.fallback", "always")
    bench.recover()
    id = bench.until_ended(bench.ask(person=bench.person(), model="demo/quick")).id
    bench.until(lambda: not bench.engine.live)
    with app.app_context(), write() as session:
        session.add(FollowUp(chat_id=bench.generation(id).chat_id or "", text="Second", model="demo/quick"))

    generation = bench.generation(id)
    with faults.armed(sort, n, seconds=0.5):
        with app.app_context():
            follow_up.send_after(bench.engine, generation)
        bench.until(lambda: faults.has_failed)

    # The generation is stored before it runs, and can end before anyone could see it run.
    bench.until(lambda: [generation.status for generation in bench.generations()] == ["completed", "completed"])
    assert _waiting(bench, id) == []


def test_everyone_who_writes_in_a_shared_chat_can_queue(app, owner, member, stranger, path, fake):
    for browser in (member, stranger):
        give(path, browser, "write")
    page = member.page(path).press("Queue", message="Hers")
    assert page.says("Next: member: Hers")
    assert queue(owner, path, "His").status_code == 303
    assert owner.page(path).says("Then: owner: His")
    # Each edits their own; the owner of the chat removes any.
    (hers, his) = [row.attributes["id"].removeprefix("waiting-") for row in owner.page(path).all(".next__row")]
    for browser, of_others in ((owner, hers), (member, his), (stranger, hers)):
        assert browser.post(f"{path}/follow-up/edit", waiting=of_others, message="Other words").status_code == 403
    for browser, of_others in ((member, his), (stranger, hers)):
        assert browser.post(f"{path}/follow-up/remove", waiting=of_others).status_code == 403
    rows = {id: member.page(path).one(f"#waiting-{id}") for id in (hers, his)}
    assert [bool(rows[id].css("button")) for id in (hers, his)] == [True, False]
    assert member.post(f"{path}/follow-up/edit", waiting=hers, message="Hers, changed").status_code == 303
    fake.over()
    page = owner.wait_for(path, ended_with(6))
    assert texts(page)[2::2] == ["Hers, changed", "His"]
    with app.app_context():
        authors = db.session.scalars(select(Message.author_id).where(Message.role == "user").order_by(Message.id)).all()
    assert authors == [owner.person_id, member.person_id, owner.person_id]


def test_a_second_writer_takes_their_own_back(app, owner, member, path, fake):
    give(path, member, "write")
    queue(member, path, "Hers")
    page = member.page(path).press("Remove", message="More")
    assert page.one("#composer-text").text().split() == ["Hers", "More"]
    assert owner.page(path).one("#composer-text").text() == ""
    program = client_of(app, member.email)
    chat = program.said("PUT", f"{path}/follow-up", 200, {"message": "By a program"})
    assert [queued["author_id"] for queued in chat["follow_ups"]] == [member.person_id]
    queue(owner, path, "His")
    program.said("DELETE", f"{path}/follow-up", 204)
    assert [queued["message"] for queued in program.get(path)["follow_ups"]] == ["His"]
    fake.over()


def test_what_someone_queued_who_may_no_longer_write_is_not_sent(app, owner, member, path, fake):
    give(path, member, "write")
    queue(member, path, "Hers")
    queue(owner, path, "His")
    with app.app_context(), write() as session:
        session.execute(delete(Grant))
    fake.over()
    assert texts(owner.wait_for(path, ended_with(4)))[::2] == ["First", "His"]
