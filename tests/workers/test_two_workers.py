"""Any worker serves anyone: an answer of one is watched, stopped and continued by another, whatever fails."""

import os
import re
import signal
from collections import Counter

import gevent
import pytest

from tests.generations.bench import holds_on
from tests.support.person import Person
from tests.support.tab import Tab
from tests.support.waiting import until
from webapp.streaming.common import UNLIKE

TOKENS = 400
WORDS = [f"w{number:06d}" for number in range(1, TOKENS + 1)]
CUT_AND_GONE_ON_WITH = [("interrupted", "server_restart"), ("completed", "stop")]
pytestmark = pytest.mark.slow


def opened(person: Person, path: str) -> Tab:
    return Tab(person, person.last_answer(path).events_url).read()


def statuses(tab: Tab) -> list[str]:
    """Returns the statuses of the answer that the page received, alone or with the whole thread."""
    told = re.compile(r'"status": "(\w+)"|data-role="assistant" data-status="(\w+)"')
    return [status for message in tab.messages for found in told.findall(message.data) for status in found]


def words(person: Person, path: str) -> list[str]:
    return re.findall(r"w\d{6}", person.raw(person.last_answer(path).id))


def held_in_the_middle(fake, *, by: Person, seen_by: Person) -> tuple[str, Tab]:
    """Begins an answer that pauses after fifty words; returns its chat's path and a page that has received them."""
    holds_on(fake, TOKENS, after=50)
    path = by.begin("Count")
    tab = opened(seen_by, path)
    until(lambda: "w000050" in tab.first_seen(), "the answer is seen, whoever writes it")
    return path, tab


def test_an_answer_of_another_worker_is_watched_and_stopped(house, fake) -> None:
    path, tab = held_in_the_middle(fake, by=house.there, seen_by=house.here)
    answer = house.here.last_answer(path)
    assert answer.status == "responding"
    assert words(house.here, path) == WORDS[:50]
    [(id,)] = house.one.rows("SELECT id FROM generations WHERE message_id = ?", answer.id)
    heard = gevent.spawn(house.here.get, f"/api/v1/generations/{id}/events")
    assert house.here.post(answer.buttons["Stop"]).status == 303
    until(lambda: "stopped" in statuses(tab), "its page here says that it was stopped")

    assert house.generations(path) == [("stopped", "user")]
    assert words(house.there, path) == words(house.here, path) == WORDS[:50]
    with gevent.Timeout(60):
        told = heard.get().text
    assert '"stopped"' in told
    assert Counter(re.findall(r"w\d{6}", told)) == Counter(WORDS[:50])
    tab.close()


def test_what_a_killed_worker_was_writing_is_gone_on_with(house, fake) -> None:
    until(lambda: len(house.one.worker_pids) == 2, "there are two workers at this address")
    held = [held_in_the_middle(fake, by=house.here, seen_by=house.here) for _ in range(3)]
    paths, tabs = [path for path, _ in held], [tab for _, tab in held]
    house.one.kill_worker()
    until(lambda: all("completed" in statuses(tab) or tab.is_over for tab in tabs), "all are written to their end")
    until(lambda: all(house.generations(path) == CUT_AND_GONE_ON_WITH for path in paths), "each once")

    for path in paths:
        assert Counter(words(house.there, path)) == Counter(WORDS)
    for tab in tabs:
        tab.close()


# Its lease takes half a minute to expire. That it is notified and writes nothing more is tested without a server in
# `tests/generations/test_journal.py` and `tests/streaming/test_redis_topics.py`.
@pytest.mark.deep
def test_a_frozen_worker_on_another_host_is_replaced_and_writes_nothing_more(house, fake) -> None:
    path, tab = held_in_the_middle(fake, by=house.there, seen_by=house.here)
    # Its master too, which would kill a worker that does not respond.
    frozen = [house.other.pid, *house.other.worker_pids]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: "completed" in statuses(tab), "it is gone on with here", seconds=180)
        assert house.generations(path) == CUT_AND_GONE_ON_WITH
        said = words(house.here, path)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    # It notices that its generation was taken over, and serves requests again.
    until(lambda: "was taken over by another worker" in house.other.log, "who was frozen knows of it")

    assert words(house.there, path) == said
    assert Counter(said) == Counter(WORDS)
    assert set(WORDS) <= set(tab.first_seen())
    assert house.generations(path) == CUT_AND_GONE_ON_WITH
    tab.close()


def test_without_redis_pages_read_the_database_and_come_back_by_themselves(house, fake) -> None:
    fake.counts(TOKENS, pace=0.02)
    path = house.there.begin("Count")
    tab = opened(house.here, path)
    until(lambda: "w000050" in tab.first_seen(), "an answer of the other server is seen here")
    house.redis.kill()
    until(lambda: "degraded" in house.there.get("/readyz").text, "it is said to programs")
    assert "Redis is not responding." in house.there.page("/admin/health").text
    until(lambda: "completed" in statuses(tab), "it is followed to its end all the same")
    assert set(WORDS) <= set(tab.first_seen())

    house.other.terminate()
    house.other.start()
    until(lambda: "degraded" in house.there.get("/readyz").text, "a server starts without Redis as well")
    unheard = house.there.begin("Count without Redis")
    late = opened(house.here, unheard)
    until(lambda: "w000050" in late.first_seen(), "one that begins without Redis is seen too")
    house.redis.start()
    until(lambda: '"ready"' in house.there.get("/readyz").text, "Redis is back")
    until(lambda: "completed" in statuses(late), "and nothing is lost on the way")
    assert Counter(words(house.here, unheard)) == Counter(WORDS)
    for each in (tab, late):
        each.close()


@pytest.mark.mostly_deep
@pytest.mark.parametrize("name", ["FILES_DIR", "SECRET_KEY", "ENCRYPTION_KEY"])
def test_a_server_that_is_set_up_otherwise_says_so_and_ends(house, tmp_path, name) -> None:
    other = {"FILES_DIR": str(tmp_path / "files"), "SECRET_KEY": "another-secret-for-the-tests", "ENCRYPTION_KEY": "u" * 43 + "="}
    # The running servers have published their configuration to each other.
    until(lambda: house.redis.said("EXISTS millrace:common") == ":1", "it is known how they are set up")

    assert UNLIKE.format(name) in house.last_words(tmp_path, **{name: other[name]})
    assert '"ready"' in house.here.get("/readyz").text
