"""POST /generations/<id>/stop ends an answer, in every state."""

import gevent
import pytest
from sqlalchemy import select

from tests.chat.conftest import ended, id_of, raw_of_last, statuses
from webapp.base.db import db
from webapp.engine.tables import Generation


def running(page) -> bool:
    return statuses(page)[-1] == "responding"


def test_it_keeps_the_text_and_closes_the_connection(owner, begin, fake):
    fake.counts(4_000, pace=0.01)
    path = begin(owner)
    page = owner.wait_for(path, lambda page: running(page) and "w000003" in page.text)

    owner.post(page.action("Stop"))
    page = owner.wait_for(path, ended)

    assert statuses(page)[-1] == "stopped"
    assert raw_of_last(page).startswith("w000001 w000002 w000003")
    fake.until(lambda log: log[0]["client_closed"])
    assert raw_of_last(page) == "".join(f"w{n:06} " for n in range(1, 4_001))[: len(raw_of_last(page))]
    assert page.says("Stopped after")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "behaviour",
    [{"steps": [{"sleep": 60}]}, {"counted": 50, "stall_after": 0}, {"counted": 50, "stall_after": 5}],
    ids=["while waiting for headers", "before the first token", "in a stall"],
)
def test_it_works_in_every_state(owner, begin, fake, behaviour):
    fake.always(behaviour)
    path = begin(owner)
    page = owner.page(path)

    owner.post(page.action("Stop"))
    owner.post(page.action("Stop"))
    page = owner.wait_for(path, ended)

    assert statuses(page)[-1] == "stopped"


@pytest.mark.slow
def test_twice_and_after_the_end_change_nothing(owner, begin, fake):
    fake.counts(4_000, pace=0.05)
    path = begin(owner)
    url = owner.page(path).action("Stop")
    fake.over()
    page = owner.wait_for(path, ended)

    assert owner.post(url).status_code == 303
    assert statuses(owner.page(path)) == statuses(page)


@pytest.mark.slow
def test_a_stranger_cannot_stop(owner, stranger, visitor, begin, fake):
    fake.counts(4_000, pace=0.02)
    path = begin(owner)
    url = owner.page(path).action("Stop")

    assert stranger.post(url).status_code == 404
    assert visitor.post(url).location.startswith("/login")
    gevent.sleep(0.1)
    assert not ended(owner.page(path))
    assert owner.post(url, headers={"HX-Request": "true"}).status_code == 204


@pytest.mark.slow
def test_stopped_can_be_continued_in_the_same_message(owner, begin, fake):
    fake.counts(4_000, pace=0.01)
    path = begin(owner)
    page = owner.wait_for(path, lambda page: "w000005" in page.text)
    owner.post(page.action("Stop"))
    page = owner.wait_for(path, ended)
    words = len(raw_of_last(page).split()) + 20

    fake.counts(words, pace=0.01)
    owner.post(page.action("Continue"))
    page = owner.wait_for(path, ended)

    assert statuses(page) == ["completed", "completed"]
    assert raw_of_last(page).split() == [f"w{n:06}" for n in range(1, words + 1)]
    assert page.one(".seam").text().startswith("stopped here")


def test_what_a_person_has_asked_for_stops_when_they_are_disabled(app, owner, member, begin, fake):
    fake.counts(4_000, pace=0.05)
    path = begin(member, "Count")
    fake.until_asked()
    assert owner.post(f"/admin/people/{member.person_id}/disable").status_code == 303
    with app.app_context():
        (status,) = db.session.scalars(select(Generation.status).where(Generation.lane == f"chat:{id_of(path)}"))
    assert status == "stopped"
