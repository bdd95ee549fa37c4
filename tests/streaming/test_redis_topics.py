"""Topics of several workers: events by one reach the others in order and exactly once, whatever happens to Redis."""

import json
import socket
import time
from contextlib import suppress

import gevent
import pytest
from gevent.event import Event as Signal
from gevent.server import StreamServer

from tests.streaming.conftest import TOPIC, until
from tests.support.ports import free_port
from webapp.base.throttle import Throttle
from webapp.streaming.events import Changed, Delta, Ended, to_json
from webapp.streaming.redis_link import CHANGES, RedisLink, RedisUnavailable
from webapp.streaming.redis_shared import Agreement
from webapp.streaming.redis_topics import RedisTopics
from webapp.streaming.shared_config import SharedConfig
from webapp.streaming.topics import Entry, Gap

WHERE = "chat:1"


def text(topics) -> str:
    return "".join(entry.event.text for entry in topics.read(TOPIC, 0) if isinstance(entry.event, Delta))


def copy(here, there) -> None:
    here.copy(TOPIC, there._worker, WHERE)


def from_database(here, there) -> None:
    """Fills a reader's gap from the journal, as a reader does when it is notified of one."""
    here.extend(TOPIC, there.read(TOPIC, 0))


def test_a_change_means_the_same_position_to_every_worker(workers):
    one, other = workers(), workers()
    before = {topics: topics.last(WHERE) for topics in (one, other)}
    one.append(WHERE, Changed("message", "a"))
    until(lambda: all(topics.last(WHERE) > before[topics] for topics in before))
    page = one.last(WHERE)

    assert one.read(WHERE, before[one]) == other.read(WHERE, before[other]) == [Entry(page, Changed("message", "a"))]
    assert not other.wait({WHERE: page}, 0.01)
    other.append(WHERE, Changed("message", "b"))
    assert one.wait({WHERE: page}, 60)
    assert [entry.event.id for entry in one.read(WHERE, page)] == ["b"]


@pytest.mark.slow
def test_a_position_that_has_not_arrived_yet_is_waited_for_and_nonsense_is_a_gap(workers):
    one, other = workers(), workers()
    one.append(WHERE, Changed("message", "a"))
    until(lambda: one.read(WHERE, one._since))

    assert other.read("chat:2", one.last(WHERE)) == []
    for nonsense in (-1, 57, 10**17):
        with pytest.raises(Gap):
            other.read(WHERE, nonsense)


def test_an_answer_is_copied_from_its_beginning_to_its_end(workers):
    writer, reader = workers(), workers()
    heard = []
    writer.on_reader = heard.append
    for n in range(1_500):
        writer.append(TOPIC, Delta(f"{n} "))
    copy(reader, writer)
    until(lambda: reader.last(TOPIC) == 1_500)
    for n in range(50):
        writer.append(TOPIC, Delta(f"more {n} "))
        gevent.sleep(0.002)
    writer.append(TOPIC, Ended("completed", "stop"))
    until(lambda: reader.has_ended(TOPIC))

    assert reader.read(TOPIC, 0) == writer.read(TOPIC, 0)
    assert heard == [WHERE]


@pytest.mark.slow
def test_nobody_sends_what_nobody_has_asked_for(workers, redis_server):
    writer = workers()
    for n in range(100):
        writer.append(TOPIC, Delta(f"{n} "))
    writer.append(WHERE, Changed("message", "a"))
    until(lambda: writer.read(WHERE, writer._since))

    assert redis_server.reply(f"EXISTS millrace:{TOPIC}") == ":0"


@pytest.mark.slow
def test_who_was_frozen_can_write_no_more_once_the_answer_was_taken(workers):
    frozen, reader, taker = workers(), workers(), workers()
    behind = []
    reader.on_missing = lambda: behind.append(True)
    frozen.append(TOPIC, Delta("before "))
    copy(reader, frozen)
    until(lambda: text(reader) == "before ")
    taker.close_for_others(TOPIC)
    until(lambda: behind)
    frozen.append(TOPIC, Delta("after "))
    frozen.append(WHERE, Changed("message", "a"))
    until(lambda: reader.read(WHERE, reader._since))

    assert text(reader) == "before "


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["killed", "emptied", "frozen"])
def test_redis_that_goes_and_comes_back_costs_no_word(workers, redis_server, fault):
    writer, reader = workers(), workers()
    writer.append(TOPIC, Delta("1 "))
    copy(reader, writer)
    until(lambda: text(reader) == "1 ")
    page = reader.last(WHERE)
    {"killed": redis_server.kill, "emptied": redis_server.empty, "frozen": redis_server.freeze}[fault]()
    if fault != "emptied":
        writer.append(WHERE, Changed("message", "a"))
        writer.append(TOPIC, Delta("2 "))
        until(lambda: not (writer.is_connected or reader.is_connected))
        # The writer's own readers continue, and others read the database.
        until(lambda: [entry.event.id for entry in writer.read(WHERE, page)] == ["a"])
        from_database(reader, writer)
        assert text(reader) == "1 2 "
        {"killed": redis_server.start, "frozen": redis_server.go_on}[fault]()
    with gevent.Timeout(60):
        while True:
            try:
                reader.read(WHERE, page)
            except Gap:
                break
            gevent.sleep(0.01)
    until(lambda: writer.is_connected and reader.is_connected)
    copy(reader, writer)
    writer.append(TOPIC, Delta("3 "))
    from_database(reader, writer)
    writer.append(TOPIC, Delta("4 "))

    def is_whole() -> bool:
        # Repeated, as readers do: either worker can notice only now that Redis was emptied, and with it the request for copies.
        copy(reader, writer)
        return text(reader) == text(writer)

    until(is_whole)
    assert text(writer).endswith("3 4 ")
    assert [entry.seq for entry in reader.read(TOPIC, 0)] == [entry.seq for entry in writer.read(TOPIC, 0)]


@pytest.mark.slow
def test_a_copy_that_lacks_something_is_completed_and_goes_on(workers):
    writer, reader = workers(), workers()
    writer.append(TOPIC, Delta("1 "))
    copy(reader, writer)
    until(lambda: text(reader) == "1 ")
    behind = []
    reader.on_missing = lambda: behind.append(True)
    # As if Redis had lost some entries.
    writer._subscriptions[TOPIC].sent = 2
    writer.append(TOPIC, Delta("2 "))
    writer.append(TOPIC, Delta("3 "))
    until(lambda: behind)
    from_database(reader, writer)
    writer.append(TOPIC, Delta("4 "))
    until(lambda: text(reader) == "1 2 3 4 ")


@pytest.mark.slow
def test_compressed_entries_are_copied_whole(workers):
    writer, reader = workers(), workers()
    for event in (Delta("1 "), Delta("2 "), Delta("3 "), Ended("completed", "stop")):
        writer.append(TOPIC, event)
    before = writer.read(TOPIC, 0)
    writer._logs[TOPIC].compress()
    copy(reader, writer)
    until(lambda: reader.has_ended(TOPIC))

    assert reader.read(TOPIC, 0) == before


def test_what_has_ended_is_copied_no_longer(workers):
    writer, reader = workers(), workers()
    writer.append(TOPIC, Delta("1 "))
    reader.extend(TOPIC, [Entry(1, Delta("1 ")), Entry(2, Ended("completed", "stop"))])
    copy(reader, writer)

    assert TOPIC not in reader._copies


def test_who_begins_without_redis_reads_the_database_at_once_and_says_so_once(caplog):
    behind, port = [], free_port()
    link = RedisLink(f"redis://127.0.0.1:{port}/0")
    tools = {"signal": Signal, "now": time.monotonic, "spawn": gevent.spawn, "pause": gevent.sleep}
    topics = RedisTopics(link, worker="alone", **tools)
    topics.on_missing = lambda: behind.append(True)
    topics.begin()
    try:
        until(lambda: len(behind) > 2)
    finally:
        topics.end()
    said = [record.message.partition(";")[0] for record in caplog.records if str(port) in record.message]
    assert said == ["Redis does not answer"]


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for() -> None:
    def dribble(connection: socket.socket, _address: object) -> None:
        with suppress(OSError):
            while True:
                connection.sendall(b"+")
                gevent.sleep(0.1)

    server = StreamServer(("127.0.0.1", 0), dribble)
    server.start()
    link = RedisLink(f"redis://127.0.0.1:{server.server_port}/0", within=lambda _seconds: gevent.Timeout(0.5, TimeoutError))
    with gevent.Timeout(60), pytest.raises(RedisUnavailable):
        link.last_of(TOPIC)
    link.close()
    server.stop()


@pytest.mark.slow
def test_tries_are_counted_by_all_workers_together(workers, redis_server):
    one, other = workers(), workers()
    here, there = (
        Throttle(burst=3, seconds=600.0, now=time.monotonic, name="tests"),
        Throttle(3, 600.0, time.monotonic, name="tests"),
    )

    assert [here.take("ada", one.buckets), there.take("ada", other.buckets), here.take("ada", one.buckets)] == [0, 0, 0]
    assert 400 < there.take("ada", other.buckets) <= 600
    assert there.left("ada", burst=3, seconds=600.0)[0] == 0
    here.give_back("ada", one.buckets)
    assert there.take("ada", other.buckets) == 0
    redis_server.kill()
    until(lambda: not other.is_connected)
    # Without Redis, the worker counts alone, from the last shared state it received.
    assert there.take("ada", other.buckets) > 400
    assert there.take("bea", other.buckets) == 0


@pytest.mark.slow
def test_the_oldest_place_is_lost_wherever_it_is(workers):
    one, other = workers(), workers()
    lost = []
    first = one.watcher_limit.enter("ada", 2, lambda: lost.append("first"))
    second = one.watcher_limit.enter("ada", 2, lambda: lost.append("second"))
    one.watcher_limit.leave("ada", second)
    for place in ("third", "fourth"):
        other.watcher_limit.enter("ada", 2, lambda place=place: lost.append(place))
    until(lambda: lost)
    one.watcher_limit.leave("ada", first)
    other.watcher_limit.enter("bea", 2, lambda: lost.append("another"))

    assert lost == ["first"]


@pytest.mark.slow
def test_a_worker_with_other_keys_is_known(workers, redis_server):
    assert not workers(SharedConfig("ours")).agreement.current_difference()
    assert not workers(SharedConfig("ours")).agreement.current_difference()
    other = workers(SharedConfig("theirs"))
    assert other.agreement.current_difference() == "SECRET_KEY"
    redis_server.kill()
    # Without Redis there is no comparison: a worker that has not met the others yet starts too.
    assert other.agreement.current_difference() == "SECRET_KEY"
    assert not Agreement(other._link, lambda: SharedConfig("new")).current_difference()


@pytest.mark.slow
def test_a_redis_that_drops_something_when_it_is_full_is_known(workers, redis_server):
    topics = workers()
    version, evicts = topics.about_redis()
    assert (bool(version), evicts) == (True, False)
    # This policy evicts keys with an expiry, which the streams of answers have.
    redis_server.reply("CONFIG SET maxmemory-policy volatile-lru")
    assert topics.about_redis() == (version, True)


def test_a_reader_from_another_worker_is_not_woken_by_nothing(workers):
    one, other = workers(), workers()
    page = other.last("chat:2")
    other.append(WHERE, Changed("message", "a"))
    until(lambda: one._cursor > page)

    assert one.last("chat:2") > page
    assert one.read("chat:2", page) == []
    assert not one.wait({"chat:2": page}, 0.01)
    assert not one.has_news({"chat:2": page})
    other.append("chat:2", Changed("message", "b"))
    until(lambda: one.has_news({"chat:2": page}))


@pytest.mark.slow
def test_a_clock_that_was_set_back_costs_no_change_and_repeats_none(workers, redis_server):
    here, there = workers(), workers()
    later = int((time.time() + 3600) * 1000)
    # An entry id from an hour ahead: when its clock goes back, Redis keeps the id's time and only increments its sequence
    # number.
    told = json.dumps(to_json(Changed("message", "0")))
    redis_server.reply(f"XADD {CHANGES} {later}-9997 topic {WHERE} event '{told}'")
    for number in range(1, 6):
        here.append(WHERE, Changed("message", str(number)))
    for topics in (here, there):
        until(lambda topics=topics: len(topics._used(WHERE).entries) >= 6)
    here.append("chat:2", Changed("message", "the end"))
    for topics in (here, there):
        until(lambda topics=topics: topics._used("chat:2").entries)
        entries = topics._logs[WHERE].entries
        assert [entry.event.id for entry in entries] == [str(number) for number in range(6)]
        assert len({entry.seq for entry in entries}) == 6
