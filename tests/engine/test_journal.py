"""The journal: text is in the database within a quarter of a second, and the journal's rows are deleted at the end."""

import json
from dataclasses import replace

import gevent
import pytest
from gevent.event import Event as Signal
from sqlalchemy import event, insert, text

from tests.engine.bench import Bench
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.turns import comes_to_rest
from webapp.base.db import db, write
from webapp.engine.duties import journal
from webapp.engine.tables import JournalRow
from webapp.streaming.events import Delta, to_json


def entries_of(bench, id):
    with bench.app.app_context():
        return journal.entries_of(db.session(), id)


@pytest.mark.slow
@on_both_databases
def test_the_text_is_written_down_while_it_arrives(bench, fake):
    fake.counts(4000, pace=0.005)
    id = bench.ask(person=bench.person())
    bench.until(lambda: "w000050" in bench.said(id))
    seen = bench.said(id)

    def journalled() -> str:
        return "".join(getattr(entry.event, "text", "") for entry in entries_of(bench, id))

    bench.until(lambda: journalled().startswith(seen))
    entries = entries_of(bench, id)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))


@pytest.mark.slow
@also_on_postgres
def test_all_answers_are_written_down_by_one_statement(bench, fake):
    written: list[set[str]] = []

    def note(_connection, _cursor, statement, parameters, _context, _is_many) -> None:
        if "INTO generation_journal" in statement:
            rows = parameters if isinstance(parameters, list) else [parameters]
            written.append({str(value) for row in rows for value in (row.values() if isinstance(row, dict) else row)})

    with bench.app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
    fake.counts(4000, pace=0.005)
    person = bench.person()
    ids = {bench.ask(f"Question {number}", person=person) for number in range(3)}

    bench.until(lambda: any(ids <= batch for batch in written), 60)


@pytest.mark.slow
@also_on_postgres
def test_at_the_end_the_message_has_it_and_the_journal_is_empty(bench, fake):
    fake.counts(100, pace=0.005)
    id = bench.ask(person=bench.person())

    ended = bench.until_ended(id)

    assert (ended.status, ended.reason, ended.model_used != "") == ("completed", "stop", True)
    assert bench.message(id).content.split() == [f"w{n:06}" for n in range(1, 101)]
    assert bench.journal_rows() == 0
    assert ended.started_at <= ended.first_text_at <= ended.ended_at


@pytest.mark.slow
def test_no_loop_wakes_when_nothing_runs(bench, fake):
    fake.says("Done")
    bench.until_ended(bench.ask(person=bench.person()))
    bench.until(lambda: not bench.engine.live)

    assert comes_to_rest(lambda: (bench.engine.duties.journal.ticks, bench.engine.keeper.ticks), seconds=1.2)


@pytest.mark.slow
def test_the_database_is_left_alone_when_nothing_runs(bench, fake):
    begun = []
    with bench.app.app_context():
        event.listen(db.engine, "begin", begun.append)
    # The cost is given, so that it is not looked up later.
    fake.says("Done", cost=0.0001)
    bench.until_ended(bench.ask(person=bench.person()))
    bench.until(lambda: not bench.engine.live)

    # Longer than the journal's interval. The one-time lookup after the start can still be running.
    assert comes_to_rest(lambda: len(begun), seconds=0.6)


def test_a_stored_wish_to_stop_is_heard_by_whoever_runs_it(bench, fake):
    fake.counts(4000, pace=0.01)
    id = bench.ask(person=bench.person())
    bench.until(lambda: bench.said(id) != "")
    with bench.app.app_context():
        db.session.execute(text("UPDATE generations SET stop_requested_at = CURRENT_TIMESTAMP"))
        db.session.commit()

    assert bench.until_ended(id).status == "stopped"


def test_a_generation_that_was_taken_away_stops_and_writes_nothing(bench, fake):
    fake.counts(4000, pace=0.01)
    id = bench.ask(person=bench.person())
    bench.until(lambda: bench.said(id) != "")
    with bench.app.app_context():
        db.session.execute(text("UPDATE generations SET owner = 'somebody else'"))
        db.session.commit()
    # It stops before all of its words have come.
    bench.until(lambda: not bench.engine.live)

    assert bench.message(id).content == ""
    assert bench.generation(id).is_active


@pytest.mark.slow
def test_a_database_that_refuses_for_a_while_loses_nothing(bench: Bench, fake):
    fake.counts(60, holds=[20])
    id = bench.ask(person=bench.person())
    bench.until(lambda: "w000010" in bench.said(id))
    with bench.refusing():
        fake.goes_on()
        bench.until(lambda: bench.engine.live[id].run.is_saving)
        gevent.sleep(0.5)
        assert bench.generation(id).is_active

    assert bench.until_ended(id).status == "completed"
    assert bench.message(id).content.split() == [f"w{n:06}" for n in range(1, 61)]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_an_end_that_takes_its_time_keeps_nobody_else_from_being_written_down(bench: Bench, fake) -> None:
    kind, may_end, is_ending = bench.engine.kinds["chat"], Signal(), Signal()

    def finish(*about: object) -> None:
        is_ending.set()
        may_end.wait(120)
        kind.finish(*about)

    person = bench.person()
    fake.behaves([{"counted": 20, "stall_after": 10}])
    fake.says("Fine.")
    goes_on = bench.ask(person=person)
    bench.until(lambda: "w000010" in bench.said(goes_on))
    bench.engine.kinds["chat"] = replace(kind, finish=finish)
    ends = bench.ask(person=person)
    assert is_ending.wait(60)
    bench.until(lambda: "w000010" in str(entries_of(bench, goes_on)))
    beaten = bench.generation(goes_on).heartbeat_at

    bench.until(lambda: bench.generation(goes_on).heartbeat_at > beaten)

    assert bench.generation(ends).is_active
    may_end.set()
    assert bench.until_ended(ends).status == "completed"


def test_a_long_journal_is_read_in_pieces(bench: Bench, fake) -> None:
    fake.behaves([{"counted": 20, "stall_after": 10}])
    id = bench.ask(person=bench.person())
    bench.until(lambda: "w000010" in bench.said(id))
    pauses, first = list[int](), 1_000_000
    rows = [
        {"generation_id": id, "first_seq": first + number, "entries": json.dumps([to_json(Delta(f"{number} "))])}
        for number in range(2 * journal.PIECE + 1)
    ]
    with bench.app.app_context():
        with write() as session:
            session.execute(insert(JournalRow), rows)
        found = journal.entries_of(db.session(), id, after=first - 1, pause=lambda: pauses.append(1))

    assert len(pauses) == 2
    assert [entry.event.text for entry in found if entry.seq >= first] == [f"{number} " for number in range(len(rows))]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_what_somebody_else_has_locked_keeps_no_other_answer_from_being_written_down(bench: Bench, fake) -> None:
    fake.behaves([{"counted": 60, "holds": [10, 50]}, {"counted": 4000, "pace": 0.01}])
    person = bench.person()
    locked = bench.ask("One", person=person)
    bench.until(lambda: "w000009" in str(entries_of(bench, locked)))
    beside = bench.ask("Other", person=person)
    bench.until(lambda: entries_of(bench, beside) != [])
    with bench.app.app_context(), db.engine.connect() as stranger:
        stranger.execute(text("SELECT 1 FROM generations WHERE id = :id FOR UPDATE"), {"id": locked})
        written, beaten = len(entries_of(bench, beside)), bench.generation(locked).heartbeat_at
        fake.goes_on()
        # Several turns of the journal, and less than a lock timeout.
        bench.until(lambda: len(entries_of(bench, beside)) > written + 20, 8)
        assert bench.generation(locked).heartbeat_at == beaten
    bench.until(lambda: "w000049" in str(entries_of(bench, locked)))
    fake.goes_on()

    assert bench.until_ended(locked).status == "completed"
    assert bench.message(locked).content.split() == [f"w{n:06}" for n in range(1, 61)]
