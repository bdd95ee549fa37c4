"""Any worker serves anyone: an answer of one is watched, stopped and gone on with by another."""

import os
import re
import signal
from collections import Counter

import pytest

from tests.support.person import Person
from tests.support.server import until
from tests.support.tab import Tab

TOKENS = 400
EVERYTHING = "SELECT id, status, reason, owner FROM generations ORDER BY id"
COMPLETED = "SELECT id FROM generations WHERE status = 'completed'"
WORDS = [f"w{number:06d}" for number in range(1, TOKENS + 1)]


def opened(person: Person, path: str) -> Tab:
    return Tab(person, person.last_answer(path).events_url).read()


def statuses(tab: Tab) -> list[str]:
    return [status for message in tab.messages for status in re.findall(r'"status": "(\w+)"', message.data)]


@pytest.mark.slow
def test_an_answer_of_another_worker_is_watched_stopped_and_gone_on_with(house) -> None:
    house = house()
    house.fake.counts(TOKENS, pace=0.02)
    path = house.there.begin("Count")
    tab = opened(house.here, path)
    until(lambda: "w000050" in tab.first_seen(), "an answer of the other worker is seen here")

    answer = house.here.last_answer(path)
    assert answer.status == "responding"
    assert house.here.post(answer.buttons["Stop"]).status == 303
    until(lambda: "stopped" in statuses(tab), "its page here says that it was stopped")
    assert house.one.rows("SELECT status FROM generations") == [("stopped",)]
    shown = house.here.last_answer(path)
    assert shown.status == "stopped"
    assert house.there.last_answer(path).text == shown.text
    tab.close()

    path = house.there.begin("Count again")
    tab = opened(house.here, path)
    until(lambda: "w000050" in tab.first_seen(), "a second one is seen here")
    house.other.kill()
    until(lambda: house.one.running() == 0 and "completed" in statuses(tab), "it is gone on with here")
    found = house.one.rows("SELECT status, reason FROM generations ORDER BY id")
    assert found == [("stopped", "user"), ("interrupted", "server_restart"), ("completed", "stop")]
    said = Counter(re.findall(r"w\d{6}", house.here.raw(house.here.last_answer(path).id)))
    assert said == Counter(WORDS)
    assert set(WORDS) <= set(tab.first_seen())
    tab.close()


@pytest.mark.slow
def test_a_frozen_worker_on_another_host_is_replaced_and_writes_nothing_more(house) -> None:
    house = house(hosts=2)
    house.fake.counts(TOKENS, pace=0.02)
    path = house.there.begin("Count")
    tab = opened(house.here, path)
    until(lambda: "w000050" in tab.first_seen(), "an answer of the other host is seen here")
    frozen = house.other.worker_pids[0]
    os.kill(frozen, signal.SIGSTOP)
    try:
        until(lambda: house.one.running() == 0 and "completed" in statuses(tab), "it is gone on with here", seconds=120)
        ended = house.one.rows(EVERYTHING)
        text = house.here.raw(house.here.last_answer(path).id)
    finally:
        os.kill(frozen, signal.SIGCONT)

    # It has found out by the end of what it did meanwhile, and answers again.
    until(lambda: "was taken over by another worker" in house.other.log, "who was frozen knows of it")
    assert house.there.raw(house.there.last_answer(path).id) == text
    assert house.one.rows(EVERYTHING) == ended
    assert Counter(re.findall(r"w\d{6}", text)) == Counter(WORDS)
    tab.close()


@pytest.mark.slow
def test_without_redis_pages_read_the_database_and_come_back_by_themselves(house) -> None:
    house = house()
    house.fake.counts(TOKENS, pace=0.02)
    path = house.there.begin("Count")
    tab = opened(house.here, path)
    until(lambda: "w000050" in tab.first_seen(), "an answer of the other worker is seen here")
    house.redis.kill()
    until(lambda: "degraded" in house.here.get("/readyz").text, "it is said to programs")
    assert "Redis is not responding." in house.here.page("/admin/health").text
    until(lambda: "completed" in statuses(tab), "it is followed to its end all the same")
    assert set(WORDS) <= set(tab.first_seen())

    unheard = house.there.begin("Count without Redis")
    late = opened(house.here, unheard)
    until(lambda: "w000050" in late.first_seen(), "one that begins without Redis is seen too")
    house.redis.start()
    for person in (house.here, house.there):
        until(lambda person=person: '"ready"' in person.get("/readyz").text, "Redis is back")
    until(lambda: "completed" in statuses(late), "and nothing is lost on the way")
    for each in (tab, late):
        each.close()
    said = Counter(re.findall(r"w\d{6}", house.here.raw(house.here.last_answer(unheard).id)))
    assert said == Counter(WORDS)


@pytest.mark.slow
def test_two_workers_of_one_server_share_its_address(house) -> None:
    house = house(workers=2)
    until(lambda: len(house.one.worker_pids) == 2, "there are two")
    house.fake.counts(TOKENS, pace=0.02)
    paths = [house.here.begin(f"Count {n}") for n in range(3)]
    tabs = [opened(house.here, path) for path in paths for _ in range(2)]
    until(lambda: all("w000050" in tab.first_seen() for tab in tabs), "every page sees its answer, whoever writes it")
    os.kill(house.one.worker_pids[0], signal.SIGKILL)
    until(lambda: house.one.running() == 0 and len(house.one.rows(COMPLETED)) == 3, "all are written to their end")
    for path in paths:
        assert Counter(re.findall(r"w\d{6}", house.here.raw(house.here.last_answer(path).id))) == Counter(WORDS)
    for tab in tabs:
        tab.close()
