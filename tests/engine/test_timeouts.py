"""Timeouts: an answer that does not begin, falls silent, takes too long, or has no reader."""

import pytest

from webapp.chat.messages import sending
from webapp.settings.service import set_setting


def allow_a_second(bench, *names):
    with bench.app.app_context():
        for name in names:
            set_setting(name, "1")


@pytest.mark.slow
def test_an_answer_that_does_not_begin_is_an_end(bench, fake):
    allow_a_second(bench, "stream.first_byte_seconds", "stream.ladder_seconds")
    fake.always({"steps": [{"sleep": 60}]})
    id = bench.ask(person=bench.person())

    ended = bench.until_ended(id)

    assert (ended.status, ended.reason) == ("failed", "stall")
    assert bench.message(id).content == ""
    fake.until(lambda log: log[0]["client_closed"])


@pytest.mark.slow
@pytest.mark.parametrize("comments", [0, 0.2], ids=["silence", "silence with comments"])
def test_silence_is_an_end(bench, fake, comments):
    fake.always({"counted": 9, "stall_after": 3, "stall_comments": comments})
    id = bench.ask(person=bench.person())
    # The words themselves can arrive as slowly as the machine is.
    bench.until(lambda: "w000003 " in bench.said(id))
    allow_a_second(bench, "stream.stall_seconds")

    ended = bench.until_ended(id)

    assert (ended.status, ended.reason) == ("interrupted", "stall")
    assert bench.message(id).content == "w000001 w000002 w000003 "
    fake.until(lambda log: log[0]["client_closed"])


@pytest.mark.slow
def test_the_total_time_is_a_limit(bench, fake):
    fake.counts(1000, pace=0.05)
    id = bench.ask(person=bench.person())
    bench.until(lambda: "w000001 " in bench.said(id))
    allow_a_second(bench, "stream.total_seconds")

    ended = bench.until_ended(id)

    assert (ended.status, ended.reason) == ("interrupted", "total_time")
    assert bench.message(id).content.startswith("w000001 ")


@pytest.mark.slow
def test_nobody_there_ends_it_only_where_that_was_said(bench, fake):
    fake.counts(1000, pace=0.02)
    id = bench.ask(person=bench.person())
    bench.engine.live[id].when_unwatched = "idle:1"

    ended = bench.until_ended(id)

    assert (ended.status, ended.reason) == ("stopped", "idle_listener")


@pytest.mark.slow
def test_a_watcher_keeps_it_alive(bench, fake):
    fake.counts(120, pace=0.02)
    id = bench.ask(person=bench.person())
    live = bench.engine.live[id]
    live.when_unwatched = "idle:1"
    bench.engine.presence.arrive(live.lane)

    assert bench.until_ended(id).status == "completed"


def test_visitors_answers_end_when_nobody_is_there(bench):
    with bench.app.app_context():
        generation = sending.start_visitor_chat("Hello", key="", visitor_hash="someone")
        assert generation.when_unwatched == "idle:60"
