"""Neither what the start finds in the database nor a failure when an answer begins blocks a chat."""

import sqlite3
from contextlib import suppress
from datetime import timedelta

import gevent
import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError

from tests.engine.bench import Bench
from tests.engine.poison import BEGINNING, KINDS, poisoned
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Unavailable
from webapp.chat.messages import sending
from webapp.chat.messages.sending import AnswerOptions
from webapp.chat.record.tables import Message
from webapp.engine import generations, side_requests
from webapp.engine.duties import recovery
from webapp.engine.state.recovery_state import MOST_TRIES
from webapp.engine.tables import Generation
from webapp.guests.dialects.openai import completions
from webapp.models.connections.providers import PROVIDERS
from webapp.models.providers.base import ModelRequest, Turn
from webapp.people.accounts.tables import User
from webapp.plans.writing import service as plan_service
from webapp.settings.service import set_setting


@pytest.fixture
def calm(bench: Bench) -> Bench:
    """A bench that continues nothing automatically."""
    with bench.app.app_context():
        set_setting("restart.policy", "never")
    return bench


@pytest.mark.slow
def test_no_poisoned_row_keeps_anything_from_being_saved(calm):
    names = poisoned(calm.app, calm.person())

    calm.recover()

    assert {generation.status for generation in calm.generations()} == {"interrupted"}
    for id, name in names.items():
        begun = BEGINNING * (2 if name == "twice" else 1)
        assert calm.message(id).content == begun + KINDS[name][2], name
    assert calm.journal_rows() == 0


@pytest.mark.slow
def test_what_cannot_be_settled_now_is_settled_later_and_the_others_at_once(calm):
    ids = list(poisoned(calm.app, calm.person()))
    calm._execute(
        f"CREATE TRIGGER no_end BEFORE UPDATE ON generations WHEN OLD.id = '{ids[0]}' BEGIN SELECT RAISE(FAIL, 'no'); END"
    )

    calm.recover()

    assert [generation.id for generation in calm.generations() if generation.is_active] == [ids[0]]
    calm._execute("DROP TRIGGER no_end")
    assert calm.until_ended(ids[0]).status == "interrupted"


@pytest.mark.slow
def test_a_database_that_another_process_holds_is_waited_for_while_pages_are_served(calm, client):
    [id, *_] = poisoned(calm.app, calm.person())
    holder = sqlite3.connect(calm.engine.data_dir / "millrace.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    began = calm.engine.now()
    calm.engine.begin()
    gevent.sleep(0)
    assert calm.engine.now() - began < 4
    for _ in range(6):
        gevent.sleep(1)
        assert client.get("/login").status_code == 200
    assert calm.generation(id).is_active
    holder.close()

    assert calm.until_ended(id).status == "interrupted"


@pytest.mark.mostly_slow
@pytest.mark.parametrize("owner", ["", "../..", "a/b", "x" * 26])
def test_an_owner_without_a_file_is_dead_when_its_heart_has_stopped(calm, owner):
    [id, *_] = poisoned(calm.app, calm.person())
    with calm.app.app_context(), write() as session:
        session.execute(update(Generation).values(owner=owner))

    calm.recover()

    assert not calm.generation(id).is_active


@pytest.mark.slow
def test_a_heartbeat_from_the_future_counts_from_when_it_was_seen(calm):
    [id, *_] = poisoned(calm.app, calm.person())
    with calm.app.app_context(), write() as session:
        session.execute(update(Generation).values(heartbeat_at=utc_now() + timedelta(days=1)))
    calm.recover()
    assert calm.generation(id).is_active

    now = calm.engine.now
    calm.engine.now = lambda: now() + 60
    calm.engine.duties.recovery.wake()

    assert calm.until_ended(id).status == "interrupted"


@pytest.mark.slow
def test_a_generation_of_a_kind_that_is_not_known_here_is_left_for_the_version_that_knows_it(calm):
    [id, *others] = poisoned(calm.app, calm.person())
    with calm.app.app_context(), write() as session:
        session.execute(update(Generation).where(Generation.id == id).values(kind="hologram"))

    calm.recover()

    assert calm.generation(id).is_active
    assert not any(calm.generation(other).is_active for other in others)


@pytest.mark.slow
def test_what_was_committed_and_never_began_is_settled(calm, fake):
    fake.says("Fine.")
    person = calm.person()
    first = calm.until_ended(calm.ask(person=person))
    with calm.app.app_context(), write() as session:
        stray = generations.queue(
            session, kind="chat", lane=first.lane, message_id=first.message_id, user_id=person, model_asked="m",
            owner=calm.engine.worker.id, text_offset=5,
        )  # fmt: skip
        session.flush()
        stray_id = stray.id
    with calm.app.app_context():
        # Pressing Stop starts the recovery.
        generations.stop(db.session.get_one(Generation, stray_id))

    ended = calm.until_ended(stray_id)

    assert (ended.status, ended.reason) == ("stopped", "user")
    assert calm.message(stray_id).content == "Fine."


def an_answer(bench: Bench, person: str) -> str:
    return bench.ask(person=person)


def a_plan(bench: Bench, person: str) -> str:
    with bench.app.app_context():
        inputs = plan_service.submit(db.session.get_one(User, person), "monthly", {"goals": ["One"], "start_date": "2026-03-02"})
        return plan_service.make(inputs).generation_id or ""


def a_completion(bench: Bench, person: str) -> str:
    with bench.app.app_context():
        wanted = completions.CompletionInput("", (Turn("user", "Hello"),))
        return completions.complete(db.session.get_one(User, person), wanted).id


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "ask", [lambda bench, person: bench.ask(person=person), a_plan, a_completion], ids=["chat", "plan", "door"]
)
def test_a_model_that_is_gone_leaves_nothing_behind(bench, fake, ask):
    person = bench.person()
    known = PROVIDERS.of(bench.app)

    class Gone:
        """Providers of which a model disappears between two lookups."""

        def __getattr__(self, name: str) -> object:
            return getattr(known, name)

        def chain(self, model: str) -> list[str]:
            raise LookupError(model)

    PROVIDERS.set(Gone(), bench.app)
    with pytest.raises(LookupError):
        ask(bench, person)
    assert bench.generations() == []

    PROVIDERS.set(known, bench.app)
    fake.says("Fine.")
    assert not bench.until_ended(ask(bench, person)).is_active


@pytest.mark.slow
def test_what_fails_for_good_ends_with_what_can_be_saved_so_that_its_chat_goes_on(calm, caplog):
    [id] = list(poisoned(calm.app, calm.person()))[:1]
    message_id = calm.message(id).id
    refuse = "BEGIN SELECT RAISE(FAIL, 'no'); END"
    calm._execute(f"CREATE TRIGGER no_text BEFORE UPDATE ON messages WHEN OLD.id = '{message_id}' {refuse}")

    calm.recover()
    for _ in range(MOST_TRIES + 2):
        with calm.app.app_context():
            recovery.settle_orphans(calm.engine)

    ended = calm.generation(id)
    assert (ended.status, ended.reason) == ("interrupted", "server_restart")
    # The text is not lost: it stays in the journal, as it cannot be saved to the message.
    assert calm.journal_rows() > 0
    assert not any(generation.is_active for generation in calm.generations())
    assert "left in the journal" in caplog.text


@pytest.mark.slow
def test_a_database_that_refuses_all_for_a_while_costs_no_text(calm):
    [id, *_] = poisoned(calm.app, calm.person())
    with calm.app.app_context():
        faults = [OperationalError("UPDATE", {}, Exception("the server closed the connection"))] * (3 * MOST_TRIES)
        event.listen(db.engine, "before_cursor_execute", lambda *_: _raise_next(faults))
        while faults:
            with suppress(OperationalError):
                recovery.settle_orphans(calm.engine)

    calm.recover()
    calm.until(lambda: not any(generation.is_active for generation in calm.generations()))
    assert calm.generation(id).status == "interrupted"
    assert calm.message(id).content.startswith(BEGINNING)
    assert calm.journal_rows() == 0


def _raise_next(faults: list[OperationalError]) -> None:
    if faults:
        raise faults.pop()


class Everything(set[str]):
    """A set that contains every value."""

    def __contains__(self, _: object) -> bool:
        return True


@pytest.mark.slow
def test_a_key_whose_answer_never_began_gets_its_failure_and_the_chat_goes_on(calm, fake):
    fake.says("Fine.")
    person, before = calm.person(), calm.engine.given_up
    calm.engine.given_up = Everything()
    with pytest.raises(Unavailable):
        calm.ask(person=person, key="k")
    calm.engine.given_up = before

    # An immediate repetition waits for the outcome of the first request.
    id = calm.ask(person=person, key="k")
    failed = calm.until_ended(id)
    assert (failed.status, failed.error) == ("failed", recovery.NEVER_RAN.message)
    assert calm.ask(person=person, key="k") == id
    assert len(calm.generations()) == 1

    with calm.app.app_context():
        sending.regenerate(db.session.get_one(Message, failed.message_id))
    calm.until(lambda: [generation.status for generation in calm.generations()] == ["failed", "completed"])


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "reason"), [("abort:0", "client_gone"), ("idle:1", "idle_listener")])
def test_an_answer_that_nobody_ever_came_to_read_ends_as_its_policy_says(calm, fake, policy, reason):
    fake.always({"steps": [{"hang": True}]})
    id = calm.ask(person=calm.person(), options=AnswerOptions(when_unwatched=policy))

    assert calm.until_ended(id).reason == reason
    calm.until(lambda: not calm.engine.presence._seen)


@pytest.mark.slow
def test_what_is_asked_beside_answers_ends_within_its_time(calm, fake):
    moment, now = [0.0], calm.engine.now
    calm.engine.now = lambda: now() + moment[0]
    fake.always({"steps": [{"hang": True}]})
    person = calm.person()
    with calm.app.app_context():
        request = ModelRequest("some/model", (Turn("user", "Hello"),))
        side_requests.request(side_requests.SideRequest("title", "title:x", person, request))
    calm.until(lambda: bool(fake.log()))
    assert calm.engine.live

    moment[0] = side_requests.MOST_SECONDS + 1

    calm.until(lambda: not calm.engine.live)
    assert [generation.status for generation in calm.generations()] == ["failed"]
    with calm.app.app_context():
        generations.refuse_if_busy("title:x")
