"""A failure next to an answer, or after its end, breaks nothing else."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import OperationalError

from tests.engine.bench import Bench
from webapp.base.db import db, write
from webapp.chat.messages import renderings
from webapp.chat.record.tables import Chat, Message
from webapp.engine import generations
from webapp.engine.duties.recovery import AT_ONCE
from webapp.engine.tables import Generation
from webapp.settings.service import set_setting
from webapp.streaming.broadcaster import Projection
from webapp.streaming.events import Ended, Saved


def asked(bench: Bench, *texts: str) -> list[str]:
    """Asks each text in a chat of its own; returns the ids of the answers once they have ended."""
    person, ids = bench.person(), []
    for text in texts:
        ids.append(bench.ask(text, person=person))
        bench.until(lambda: not bench.engine.live)
    return ids


def change(bench: Bench, **values: object) -> None:
    with bench.app.app_context(), write() as session:
        session.execute(update(Generation).values(**values))


def test_what_fails_behind_the_commit_does_not_swallow_the_end(bench, fake):
    kind, failures = bench.engine.kinds["chat"], [OperationalError("SELECT", {}, Exception("the server closed the connection"))]

    def changed(generation: Generation) -> None:
        if failures:
            raise failures.pop()
        kind.changed(generation)

    bench.engine.kinds["chat"] = replace(kind, changed=changed)
    fake.says("Fine.")
    [id] = asked(bench, "Hello")

    events = [entry.event for entry in bench.engine.logs.topics.read(f"generation:{id}", 0)]
    assert bench.message(id).content == "Fine."
    assert events[-2:] == [Saved("message", bench.message(id).id, "assistant"), Ended("completed", "stop")]


@pytest.mark.slow
def test_a_chat_that_is_gone_does_not_keep_others_from_being_continued(bench, fake, make_app):
    fake.says("Fine.")
    ids = asked(bench, *(f"Question {number}" for number in range(AT_ONCE + 2)))
    bench.engine.finish(seconds=1)
    # Removes the worker's file: as long as it exists, others look for this worker's answers again and again.
    bench.engine.wait_closed(0)
    with bench.app.app_context():
        set_setting("limits.concurrent_streams", "0")
    change(bench, status="interrupted", reason="server_restart")
    other = Bench(make_app(**fake.environ))
    fake.says("Fine. More.", holds=[0])

    other.recover()
    other.until(lambda: len(other.engine.live) == AT_ONCE)
    with other.app.app_context(), write() as session:
        session.execute(delete(Chat).where(Chat.id == other.generation(ids[AT_ONCE]).chat_id))
    for _ in ids:
        fake.goes_on()

    other.until(lambda: ids[-1] in [generation.continues_id for generation in other.generations()])


@pytest.mark.slow
def test_answers_go_on_after_a_restart_although_others_take_long(bench, fake, make_app):
    fake.says("Fine.")
    ids = asked(bench, *(f"Question {number}" for number in range(AT_ONCE + 2)))
    bench.engine.finish(seconds=1)
    bench.engine.wait_closed(0)
    with bench.app.app_context():
        set_setting("limits.concurrent_streams", "0")
    change(bench, status="interrupted", reason="server_restart")
    other = Bench(make_app(**fake.environ))
    fake.says("Fine. More.", holds=[0])

    other.recover()
    other.until(lambda: len(other.engine.live) == len(ids))
    for _ in ids:
        fake.goes_on()


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "content", ["{", "[]", '{"status": "interrupted"}', '{"said": [1]}', '{"said": ["a"]}', '{"said": [{}]}']
)
def test_a_spilled_file_that_cannot_be_read_does_not_prevent_the_start(bench, fake, make_app, content):
    fake.says("Fine.")
    [id] = asked(bench, "Hello")
    bench.engine.finish(seconds=1)
    change(bench, status="running", owner="nobody")
    folder = bench.engine.data_dir / "spilled"
    folder.mkdir()
    (folder / f"{id}.json").write_text(content)
    (bench.engine.data_dir / "workers" / "nobody").touch()
    other = Bench(make_app(**fake.environ))

    other.recover()

    assert not other.generation(id).is_active
    assert [file.name for file in folder.iterdir()] == [f"{id}.unreadable"]


def test_stop_reaches_the_upstream_while_the_database_takes_nothing(bench, fake):
    fake.counts(2000, pace=0.01)
    id = bench.ask(person=bench.person())
    bench.until(lambda: "w000003" in bench.said(id))
    with bench.refusing("generations"):
        with bench.app.app_context():
            generations.stop(db.session.get_one(Generation, id))
        fake.until(lambda log: log[0]["client_closed"])

    assert bench.until_ended(id).status == "stopped"


@pytest.mark.slow
def test_an_end_that_a_mistake_keeps_from_being_written_for_good_is_written_without_it(bench, fake, caplog):
    kind = bench.engine.kinds["chat"]

    def finish(*_: object) -> None:
        raise KeyError("text")

    bench.engine.kinds["chat"] = replace(kind, finish=finish)
    fake.says("Fine.")
    id = bench.ask(person=bench.person())

    assert bench.until_ended(id, seconds=60).status == "completed"
    assert bench.journal_rows() > 0
    assert "left in the journal" in caplog.text
    bench.until(lambda: not bench.engine.live)


def test_a_picture_that_fails_costs_a_chat_no_text(bench, fake):
    kind = bench.engine.kinds["chat"]

    def projection(generation: Generation) -> Projection:
        made = kind.projection(generation)
        made.fold = None
        return made

    bench.engine.kinds["chat"] = replace(kind, projection=projection, unseen=None)
    fake.says("*Fine.*")
    [id] = asked(bench, "Hello")

    message = bench.message(id)
    assert (message.content, message.html) == ("*Fine.*", "")
    with bench.app.app_context():
        assert "<em>Fine.</em>" in renderings.with_current_html(lambda: [db.session.get_one(Message, message.id)])[0].html
