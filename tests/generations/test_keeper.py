"""Clocks: an answer that does not begin, falls silent, takes too long, or that nobody is there to read."""

import pytest

from webapp.chat.messages import service as chats
from webapp.settings.service import set_setting


@pytest.fixture
def impatient(bench):
    """Everything may take one second."""
    with bench.app.app_context():
        for name in ("stream.first_byte_seconds", "stream.stall_seconds", "stream.ladder_seconds"):
            set_setting(name, "1")
    return bench


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviour", "end", "text"),
    [
        ({"steps": [{"sleep": 60}]}, ("failed", "stall"), ""),
        ({"counted": 9, "stall_after": 3}, ("interrupted", "stall"), "w000001 w000002 w000003 "),
        ({"counted": 9, "stall_after": 3, "stall_comments": 0.2}, ("interrupted", "stall"), "w000001 w000002 w000003 "),
    ],
    ids=["nothing comes", "silence", "silence with comments"],
)
def test_silence_is_an_end(impatient, fake, behaviour, end, text):
    fake.always(behaviour)
    id = impatient.ask(person=impatient.person())

    ended = impatient.until_ended(id)

    assert (ended.status, ended.reason) == end
    assert impatient.message(id).content == text
    fake.until(lambda log: log[0]["client_closed"])


@pytest.mark.slow
def test_the_total_time_is_a_limit(bench, fake):
    with bench.app.app_context():
        set_setting("stream.total_seconds", "1")
    fake.counts(1000, pace=0.05)
    id = bench.ask(person=bench.person())

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
        generation = chats.begin_as_visitor("Hello", key="", visitor_hash="someone")
        assert generation.when_unwatched == "idle:60"
