"""How long people look at answers: measured while the page is visible, added up, capped, and only with their consent."""

from collections import Counter

import pytest

from tests.api.client import client_of
from tests.chat.conftest import ended, until_settled
from tests.engine.bench import Bench
from tests.support.marks import on_both_databases
from webapp.base.db import db
from webapp.chat.record import reading_time
from webapp.chat.record.reading_time import MOST_MS, WAITING, Clock
from webapp.engine.tables import Generation
from webapp.settings.service import set_setting
from webapp.workspace.page.feed import ChatFeed


def test_a_clock_runs_from_the_end_of_an_answer_and_for_five_minutes_at_most() -> None:
    now, told = [100.0], list[tuple[str, int]]()
    clock = Clock(lambda: now[0], lambda *record: told.append(record))
    clock.end()
    clock.stop_if_long()
    clock.begin("one")
    now[0] += 42.5
    clock.stop_if_long()
    assert told == []
    clock.end()
    clock.end()
    assert told == [("one", 42_500)]

    clock.begin("two")
    now[0] += 1.9
    clock.end()
    assert len(told) == 1

    clock.begin("three")
    now[0] += 301
    clock.stop_if_long()
    now[0] += 1000
    clock.end()
    assert told[1:] == [("three", MOST_MS)]


def test_a_page_counts_from_the_end_of_its_answer_until_the_next_or_until_it_leaves(bench: Bench, fake) -> None:
    person = bench.person()
    fake.says("Something to read.", cost=0.0001)
    fake.behaves([{"counted": 20, "stall_after": 10}])
    id = bench.ask(person=person)
    bench.until(lambda: "w000010" in bench.said(id))
    chat_id = bench.generation(id).lane.removeprefix("chat:")
    told: list[tuple[str, int]] = []
    now = [0.0]
    clock = Clock(lambda: now[0], lambda *record: told.append(record))
    feed = ChatFeed(bench.engine, chat_id, None, lambda: bench.app.test_request_context("/"), person=person, clock=clock)
    feed.listen(bench.engine.signal())
    feed.news()
    now[0] += 100
    bench.engine.live[id].run.stop.request("user")
    bench.until_ended(id)

    def heard() -> bool:
        feed.news()
        return feed._broadcast is None

    bench.until(heard)
    now[0] += 7
    feed.close()
    assert told == [(id, 7_000)]


def stored(app, answer: str) -> int | None:
    with app.app_context():
        return db.session.get_one(Generation, answer).reading_ms


def tell(app, person: str, answer: str, ms: int) -> None:
    """Adds reading time as a person's page does, and stores it immediately."""
    with app.app_context():
        WAITING.set(Counter({(answer, person): ms}), app)
        reading_time.store()
        assert not WAITING.of(app)


@pytest.mark.slow
@on_both_databases
def test_times_are_added_up_for_who_asked_and_wants_it(app, owner, member, begin, fake) -> None:
    fake.says("Something to read.", cost=0.0001)
    owner.wait_for(begin(owner), ended)
    until_settled(app)
    with app.app_context():
        answer = db.session.scalars(db.select(Generation.id).where(Generation.kind == "chat")).one()
    program = client_of(app, owner.email)
    assert (program.get("/insights/summary")["reading_ms"], stored(app, answer)) == (None, None)

    tell(app, member.person_id, answer, 50_000)
    # It is off until they turn it on.
    tell(app, owner.person_id, answer, 20_000)
    assert stored(app, answer) is None
    program.said("PATCH", "/me", 200, {"is_reading_counted": True})
    tell(app, owner.person_id, answer, 20_000)
    tell(app, owner.person_id, answer, 22_500)
    found = program.get("/insights/summary")
    assert (found["reading_ms"], found["reading_avg_ms"]) == (42_500, 42_500)
    assert owner.page("/insights").says("on screen for 42.5 s on average")
    assert owner.page(f"/insights/answers/{answer}").says("for about 42.5 s")
    tell(app, owner.person_id, answer, 290_000)
    assert stored(app, answer) == MOST_MS

    assert program.said("PATCH", "/me", 200, {"is_reading_counted": False})["is_reading_counted"] is False
    with app.app_context():
        db.session.execute(db.update(Generation).values(reading_ms=None))
        db.session.commit()
    tell(app, owner.person_id, answer, 20_000)
    assert stored(app, answer) is None
    assert "Saved." in owner.submit("/settings/memory", is_reading_counted="on").text
    with app.app_context():
        set_setting("insights.reading", "false")
    tell(app, owner.person_id, answer, 20_000)
    assert stored(app, answer) is None


@pytest.mark.slow
def test_a_program_tells_how_long_its_person_looked(app, owner, member, fake) -> None:
    fake.says("Something to read.", cost=0.0001)
    program, reader = client_of(app, owner.email), client_of(app, member.email)
    sent = program.post("/chats", {"message": "One?"}, status=201)["sent"]
    program.ended(sent)
    program.said("PATCH", "/me", 200, {"is_reading_counted": True})
    path, id = f"/generations/{sent['generation_id']}/read", sent["generation_id"]

    def told(client, seconds: float) -> int | None:
        client.said("POST", path, 204, {"seconds": seconds})
        with app.app_context():
            reading_time.store()
        return stored(app, id)

    reader.said("POST", path, 404, {"seconds": 20})
    program.said("PUT", f"/chats/{sent['chat_id']}/grants", 200, {"to": "user", "to_id": reader.get("/me")["id"]})
    assert told(reader, 20) is None
    assert told(program, 1.9) is None
    assert told(program, 20) == 20_000
    assert told(program, 4.5) == 24_500
    assert told(program, 86_400) == MOST_MS
    for wrong in (0, -1, 86_401, "20", None):
        assert list(program.said("POST", path, 422, {"seconds": wrong})["fields"]) == ["seconds"]

    with app.app_context():
        db.session.execute(db.update(Generation).values(reading_ms=None))
        db.session.commit()
    program.said("PATCH", "/me", 200, {"is_reading_counted": False})
    assert told(program, 20) is None
