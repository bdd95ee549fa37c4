"""Auxiliary requests, such as titles: they take no capacity from answers, are recorded, and end when they should."""

import gevent
import pytest
from sqlalchemy import select

from tests.chat.conftest import ended, id_of
from tests.support.markup import words
from tests.support.waiting import until
from tests.upstream.handle import TITLE
from webapp.base.db import db, utc_now, write
from webapp.engine.duties import recovery
from webapp.engine.engine import ENGINE
from webapp.engine.state.admission import MOST_OF_A_PERSON
from webapp.engine.tables import Generation
from webapp.settings import service as settings

HANGS = {"steps": [{"hang": True}]}


@pytest.fixture
def titled(owner, answered, fake):
    """Begins a chat whose title request hangs."""

    def titled() -> str:
        fake.says("With a bill and a pick.")
        fake.always(HANGS, at=TITLE)
        before = len(fake.titles())
        path = answered(owner, "How are stones dressed?")
        until(lambda: len(fake.titles()) > before, "a title is asked for")
        return path

    return titled


def records(browser) -> list[Generation]:
    with browser.app.app_context():
        return list(db.session.scalars(select(Generation).where(Generation.kind == "title").order_by(Generation.id)))


def test_it_takes_neither_the_chats_lane_nor_the_place_of_an_answer(owner, titled, fake):
    with owner.app.app_context():
        settings.set_setting("limits.concurrent_streams", "1")
    ENGINE.of(owner.app).admission.max_streams = 1
    path = titled()

    owner.post(f"{path}/messages", message="And then?")

    assert len(owner.wait_for(path, ended).message_ids) == 4
    assert [record.status for record in records(owner)] in (["queued"], ["running"])
    assert records(owner)[0].lane == f"title:{id_of(path)}"


@pytest.mark.slow
def test_a_person_has_few_at_once_and_whoever_is_refused_keeps_the_first_words(owner, titled, answered, fake):
    for _ in range(MOST_OF_A_PERSON):
        titled()
    path = answered(owner, "A third chat")
    until(lambda: len(ENGINE.of(owner.app).live) == MOST_OF_A_PERSON, "only titles are asked for")
    gevent.idle()

    assert len(records(owner)) == len(fake.titles()) == MOST_OF_A_PERSON
    assert "A third chat" in owner.page(path).text


@pytest.mark.slow
def test_the_pace_of_a_person_is_a_part_of_that_of_answers(owner, answered, fake):
    fake.says("With a bill and a pick.")
    with owner.app.app_context():
        settings.set_setting("limits.streams_per_minute", "2")
        settings.set_setting("limits.streams_burst", "2")
    for _ in range(2):
        answered(owner, "How are stones dressed?")
    until(lambda: not ENGINE.of(owner.app).live, "nothing runs")

    assert len(records(owner)) == len(fake.titles()) == 1


def test_it_ends_with_the_server(owner, titled, fake):
    titled()
    ENGINE.of(owner.app).finish(30)

    (record,) = records(owner)
    assert (record.status, record.reason) == ("interrupted", "server_restart")
    fake.until(lambda log: fake.titles()[0]["client_closed"])


@pytest.mark.parametrize("reply", [{"status": 500}, {"status": 401, "json": {"error": {"message": "stones: no"}}}])
def test_one_that_fails_is_on_record_without_words_and_tried_once(owner, answered, fake, reply):
    fake.says("With a bill and a pick.")
    fake.always(reply, at=TITLE)
    answered(owner, "How are stones dressed?")
    until(lambda: [record.status for record in records(owner)] == ["failed"], "it has ended")

    (record,) = records(owner)
    assert (record.error, record.notices, record.attempts, record.prompt) == ("", [], [], {})
    assert record.reason == ("auth" if reply["status"] == 401 else "error")
    assert len(fake.titles()) == 1


def test_what_a_dead_worker_left_is_settled_like_everything_else(app):
    engine = ENGINE.of(app)
    with app.app_context():
        engine.begin()
        with write() as session:
            left = Generation(kind="title", lane="title:x", model_asked="some/model", owner="dead", status="running")
            left.heartbeat_at = utc_now().replace(year=2020)
            session.add(left)
        recovery.settle_orphans(engine)
        db.session.expire_all()

        assert db.session.scalars(select(Generation.status)).all() == ["interrupted"]


@pytest.mark.slow
def test_the_usage_says_what_titles_took(owner, answered, fake):
    fake.says("With a bill and a pick.", cost=0.5)
    fake.behaves([{"says": "Dressing stones", "cost": 0.25}], at=TITLE)
    answered(owner, "How are stones dressed?")
    until(lambda: [record.status for record in records(owner)] == ["completed"], "it has ended")

    section = owner.page("/admin/usage").one('section[aria-labelledby="by-purpose"]')
    rows = [words(row.text()) for row in section.css("tbody tr")]
    assert [row.split(" $")[0] for row in rows] == ["Chats", "Chat titles"]
    assert "$0.2500" in rows[1]


def test_an_answer_that_waits_names_whom_it_waits_for(owner, begin, fake):
    fake.always(HANGS)
    page = owner.page(begin(owner, "First"))

    assert page.one(".state__words").text() == "Waiting for Model"
