"""Recovery after a crash: a dead worker's answers are saved, marked and, if the policy says so, continued."""

import json
from datetime import timedelta

import gevent
import pytest
from sqlalchemy import event, text, update

from tests.engine.bench import Bench, counted, die, holds_on
from tests.engine.injection import Faults
from tests.support.marks import on_both_databases
from webapp.base.db import db, utc_now, write
from webapp.chat.messages import sending
from webapp.chat.record.tables import Message
from webapp.engine.duties import recovery
from webapp.engine.tables import Generation
from webapp.settings.service import set_setting


@pytest.fixture
def other(make_app, fake, bench) -> Bench:
    """A bench for the next process, on the same data."""
    return Bench(make_app(**fake.environ))


@pytest.mark.slow
@on_both_databases
def test_an_orphan_is_saved_and_continued_with_a_seam(bench, fake, other):
    holds_on(fake, 120, after=60)
    id = bench.ask(person=bench.person())
    die(bench, id)

    other.recover()

    first = other.generation(id)
    assert (first.status, first.reason) == ("interrupted", "server_restart")
    other.until(lambda: len(other.generations()) == 2)
    second = other.until_ended(other.generations()[-1].id)
    message = other.message(id)
    assert (second.status, second.continues_id, second.text_offset > 0) == ("completed", id, True)
    assert message.content.split() == counted(120)
    assert message.html.count('class="seam"') == 1
    assert other.journal_rows() == 0


@pytest.mark.mostly_slow
@pytest.mark.parametrize("policy", ["never", "ask"])
def test_it_is_only_marked_when_that_is_wished(bench, fake, other, policy):
    holds_on(fake, 120, after=60)
    with other.app.app_context():
        set_setting("restart.policy", policy)
    id = bench.ask(person=bench.person())
    die(bench, id)

    other.recover()

    assert [generation.status for generation in other.generations()] == ["interrupted"]
    assert other.message(id).content.startswith("w000001 ")


@pytest.mark.slow
def test_without_any_text_it_is_asked_again_without_a_seam(bench, fake, other):
    fake.behaves([{"steps": [{"sleep": 60}]}])
    fake.says("Here I am.")
    id = bench.ask(person=bench.person())
    bench.until(lambda: bench.generation(id).status == "running")
    bench.engine.live[id].journalled = 9
    die(bench, id)

    other.recover()
    other.until(lambda: other.message(id).content == "Here I am.")

    assert "seam" not in other.message(id).html


def test_a_wish_to_stop_before_the_end_is_honoured(bench, fake, other):
    holds_on(fake, 200, after=60)
    id = bench.ask(person=bench.person())
    die(bench, id)
    with other.app.app_context():
        db.session.execute(update(Generation).values(stop_requested_at=utc_now()))
        db.session.commit()

    other.recover()

    assert [(generation.status, generation.reason) for generation in other.generations()] == [("stopped", "user")]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("why", ["too old", "too often"])
def test_it_is_not_continued_for_ever(bench, fake, other, why):
    holds_on(fake, 200, after=60)
    id = bench.ask(person=bench.person())
    die(bench, id)
    with other.app.app_context():
        row = db.session.get_one(Generation, id)
        if why == "too old":
            row.heartbeat_at = utc_now() - timedelta(minutes=11)
        else:
            for number in ("00", "01"):
                db.session.add(
                    Generation(
                        id=number, kind="chat", lane=row.lane, message_id=row.message_id, model_asked="m", owner="x",
                        status="interrupted", reason="server_restart",
                    )
                )  # fmt: skip
        db.session.commit()

    other.recover()

    assert other.generations()[-1].id == id
    assert other.generations()[-1].status == "interrupted"


@pytest.mark.slow
def test_a_living_workers_answers_are_left_alone(bench, fake, other):
    fake.counts(60, holds=[30])
    id = bench.ask(person=bench.person())
    bench.until(lambda: bench.said(id) != "")

    other.recover()
    fake.goes_on()

    assert bench.until_ended(id).status == "completed"
    assert len(bench.generations()) == 1


@pytest.mark.slow
def test_a_shutdown_saves_everything_and_the_next_start_goes_on(bench, fake, other):
    holds_on(fake, 120, after=60)
    id = bench.ask(person=bench.person())
    bench.until(lambda: "w000010" in bench.said(id))

    said = bench.said(id)
    bench.engine.finish(seconds=30)
    bench.engine.wait_closed(1)
    assert bench.message(id).content.startswith(said)
    assert bench.generation(id).reason == "server_restart"
    other.recover()
    other.until(lambda: len(other.generations()) == 2)
    other.until_ended(other.generations()[-1].id)

    assert other.message(id).content.split() == counted(120)


@pytest.mark.slow
def test_what_no_database_would_take_is_spilled_and_read_back(bench, fake, other):
    holds_on(fake, 200, after=60)
    id = bench.ask(person=bench.person())
    bench.until(lambda: "w000020" in bench.said(id))
    with bench.refusing():
        bench.engine.finish(seconds=0.3)
        bench.engine.wait_closed(0)
        said = bench.said(id)
        [file] = (bench.engine.data_dir / "spilled").iterdir()
        assert json.loads(file.read_text())["reason"] == "server_restart"
    bench.engine.live[id].run.stop.request("x")
    bench.engine.worker.id = "nobody"

    with other.app.app_context():
        set_setting("restart.policy", "never")
    other.recover()

    with other.app.app_context():
        assert db.session.get_one(Message, other.generation(id).message_id).content == said
    assert other.generation(id).status == "interrupted"
    assert not file.exists()


def test_a_failed_try_to_go_on_leaves_one_seam(bench, fake):
    fake.behaves([{"counted": 40, "cut_after": 10}, {"status": 401, "json": {"error": {"message": "no", "code": 401}}}])
    fake.counts(40)
    id = bench.ask(person=bench.person())
    for status in ("interrupted", "failed"):
        assert bench.until_ended(bench.generations()[-1].id).status == status
        with bench.app.app_context():
            sending.continue_answer(db.session.get_one(Message, bench.generation(id).message_id))
    bench.until_ended(bench.generations()[-1].id)

    assert bench.message(id).content.split() == counted(40)
    assert bench.message(id).html.count('class="seam"') == 1


def test_of_two_workers_that_find_an_answer_cut_one_continues_it(bench, fake, other):
    id = bench.until_ended(bench.ask(person=bench.person())).id
    # This worker must not look for orphans by itself.
    bench.engine.is_closing = True
    other.engine.worker.begin()
    with bench.app.app_context(), other.app.app_context():
        with write() as session:
            cut = {"status": "interrupted", "reason": "server_restart", "owner": ""}
            session.execute(update(Generation).where(Generation.id == id).values(**cut))
        found = db.session.get_one(Generation, id)
        assert recovery._is_claimed(other.engine, found)
        assert not recovery._is_claimed(bench.engine, found)
        # Until the continuation has begun, the worker that claimed it can claim it again and again.
        assert recovery._is_claimed(other.engine, found)
    other.engine.worker.end()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_an_orphan_that_somebody_holds_keeps_no_other_from_being_settled(bench: Bench, fake, other: Bench) -> None:
    with other.app.app_context():
        set_setting("restart.policy", "never")
    fake.behaves(2 * [{"counted": 120, "pace": 0.01, "stall_after": 60}])
    person = bench.person()
    held, free = bench.ask("One", person=person), bench.ask("Other", person=person)
    bench.until(lambda: bench.engine.live[held].journalled > 3)
    die(bench, free)
    with other.app.app_context(), db.engine.connect() as stranger:
        stranger.execute(text("SELECT 1 FROM generations WHERE id = :id FOR UPDATE"), {"id": held})
        other.engine.begin()
        # Sooner than a lock timeout.
        other.until(lambda: not other.generation(free).is_active, 8)
        assert other.generation(held).is_active

    assert other.until_ended(held).reason == "server_restart"


@pytest.mark.slow
def test_without_a_database_it_looks_once_a_second(bench: Bench) -> None:
    engine, faults = bench.engine, Faults()
    with bench.app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *_: faults.of_database("execute"))
    with faults.armed("execute", 1, seconds=2.0):
        engine.begin()
        bench.until(lambda: engine.recovery_state.is_database_unavailable)
        gevent.sleep(1.5)
        assert engine.duties.recovery.ticks <= 3

    bench.until(lambda: engine.recovery_state.passes and not engine.recovery_state.is_database_unavailable)
