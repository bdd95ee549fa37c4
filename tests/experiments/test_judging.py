"""What counts as a success, and an arm that is paused by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.chat.conftest import ended, until_settled
from tests.experiments.conftest import found, played
from tests.support.marks import on_both_databases
from webapp.chat.messages import feedback
from webapp.chat.tables import Message
from webapp.db import db, utc_now, write
from webapp.engine.tables import Generation
from webapp.experiments import judging, looking
from webapp.experiments.judging import Answer, is_good
from webapp.prompts.tables import Exposure

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
LONG_AGO, JUST_NOW, SOON_AFTER = (NOW - timedelta(minutes=each) for each in (60, 2, 55))


def answer(status="completed", *, ended_at=LONG_AGO, is_mended=False, thumb=None, regretted_at=None) -> Answer:
    return Answer(status, "", ended_at, is_mended, thumb, regretted_at)


@pytest.mark.parametrize(
    ("outcome", "one", "expected"),
    [
        ("good", answer(), True),
        ("good", answer(ended_at=JUST_NOW), None),
        ("good", answer(ended_at=None), None),
        ("good", answer("stopped"), False),
        ("good", answer("failed"), False),
        ("good", answer(regretted_at=SOON_AFTER), False),
        ("good", answer(regretted_at=NOW), True),
        ("good", answer(ended_at=JUST_NOW, thumb=True), True),
        ("good", answer(thumb=False), False),
        ("good", answer("stopped", thumb=True), True),
        ("thumbs", answer(), None),
        ("thumbs", answer(thumb=False), False),
        ("completed", answer(ended_at=JUST_NOW), True),
        ("completed", answer("interrupted", thumb=True), False),
        ("unrepaired", answer(), True),
        ("unrepaired", answer(is_mended=True), False),
    ],
)
def test_what_counts_as_a_success(outcome, one, expected):
    assert is_good(one, outcome, NOW) is expected


def exposure() -> Exposure:
    db.session.rollback()
    return db.session.query(Exposure).one()


@on_both_databases
def test_an_answer_is_judged_by_what_people_do_and_outlives_its_chat(app, owner, fake, started):
    id = started(weights={1: 50, 2: 50})
    fake.says("One", cost=0.0002)
    path = owner.post("/chats", message="First").location.partition("#")[0]
    page = owner.wait_for(path, ended)
    until_settled(app)
    with app.app_context():
        judging.judge(found(id))
        one = exposure()
        assert (one.is_good, one.is_broken, one.cost) == (None, False, 0.0002)
        assert one.first_text_ms is not None

        message = db.session.get_one(Message, page.all("article.message")[-1].attributes["id"].removeprefix("message-"))
        feedback.rate(owner.person_id, message, is_good=False)
        judging.judge(found(id))
        assert exposure().is_good is False
        feedback.take_back(owner.person_id, message)
        with write() as session:
            an_hour_ago = utc_now() - timedelta(hours=1)
            session.execute(update(Generation).values(ended_at=an_hour_ago, created_at=an_hour_ago))
        judging.judge(found(id))
        assert exposure().is_good is True

        with write() as session:
            session.execute(update(Message).values(deleted_at=an_hour_ago + timedelta(minutes=1)))
        judging.judge(found(id))
        assert exposure().is_good is False
        with write() as session:
            session.execute(update(Exposure).values(generation_id="gone"))
        judging.judge(found(id))
        assert (exposure().is_good, exposure().settled_at is None) == (False, False)


@on_both_databases
def test_figures_are_counted_and_an_arm_that_fails_is_paused_once(app, started):
    id = started()
    with app.app_context():
        played(id, 2, good=30, bad=9, broken=1)
        played(id, 3, good=11, broken=9)
        control, other = looking.look(found(id))
        assert (control.exposures, control.units, control.judged, control.good, control.broken) == (40, 40, 40, 30, 1)
        assert (control.rate, control.error_rate, control.ttft_p95_ms) == (0.75, 0.025, 237)
        assert (other.ttft_p95_ms, f"{other.cost:f}") == (318, "0.00300000")
        assert other.paused_words == ("B was paused: 9 of its 20 answers ended with an error (45 %), against 2 % with A.")
        assert looking.look(found(id))[1].paused_words == other.paused_words
