"""Presence of readers: for how long a lane has had none, and that a lane without a run leaves no state."""

from flask import Flask

from webapp.engine.engine import ENGINE, Engine
from webapp.engine.generations import CROWD_BEATS, FEW_WATCHERS, PAGE_BEATS, page_beats
from webapp.engine.state.presence import Presence


def test_who_leaves_begins_to_be_away_then() -> None:
    moment = [0.0]
    presence = Presence(lambda: moment[0])
    presence.begin("chat:1")
    moment[0] = 5.0
    assert presence.seconds_alone("chat:1") == 5.0

    presence.arrive("chat:1")
    moment[0] = 9.0
    assert presence.seconds_alone("chat:1") == 0.0
    presence.leave("chat:1")
    moment[0] = 11.0
    assert presence.seconds_alone("chat:1") == 2.0
    presence.seen("chat:1")
    assert presence.seconds_alone("chat:1") == 0.0


def test_nothing_is_kept_of_a_lane_on_which_nothing_runs() -> None:
    presence = Presence(lambda: 0.0)
    for number in range(100):
        lane = f"door:{number}"
        presence.begin(lane)
        presence.arrive(lane)
        # Its answer ends before its reader has left.
        presence.forget(lane)
        presence.leave(lane)
        presence.seen(f"chat:{number}")
    assert not presence._seen
    assert not presence._here


def test_an_answer_that_a_crowd_watches_is_read_less_often(app: Flask) -> None:
    engine: Engine = ENGINE.of(app)
    assert page_beats(engine, "chat:1") == PAGE_BEATS

    for _ in range(FEW_WATCHERS):
        engine.presence.arrive("chat:1")
    assert page_beats(engine, "chat:1") == PAGE_BEATS

    engine.presence.arrive("chat:1")
    assert (page_beats(engine, "chat:1"), page_beats(engine, "chat:2")) == (CROWD_BEATS, PAGE_BEATS)
