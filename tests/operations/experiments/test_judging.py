"""What counts as a success, and an arm that is paused automatically."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert, update

from tests.chat.conftest import ended, until_settled
from tests.operations.experiments.conftest import found, played
from tests.support.marks import on_both_databases
from tests.support.steps import steps_on_the_loop
from webapp.base.db import db, utc_now, write
from webapp.chat.messages import feedback
from webapp.chat.record.tables import Message
from webapp.engine.tables import Generation
from webapp.operations.experiments import judging, monitoring
from webapp.operations.experiments.judging import JudgedAnswer, is_good
from webapp.prompts.tables import Exposure

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
LONG_AGO, JUST_NOW, SOON_AFTER = (NOW - timedelta(minutes=minutes) for minutes in (60, 2, 55))


def answer(status="completed", *, ended_at=LONG_AGO, is_mended=False, thumb=None, regretted_at=None) -> JudgedAnswer:
    return JudgedAnswer(status, "", ended_at, is_mended, thumb, regretted_at)


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
        feedback.remove_rating(owner.person_id, message)
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
        control, other = monitoring.check(found(id))
        assert (control.exposures, control.units, control.judged, control.good, control.broken) == (40, 40, 40, 30, 1)
        assert (control.rate, control.error_rate, control.ttft_p95_ms) == (0.75, 0.025, 237)
        assert (other.ttft_p95_ms, f"{other.cost:f}") == (318, "0.00300000")
        assert other.paused_words == ("B was paused: 9 of its 20 answers ended with an error (45 %), against 2 % with A.")
        assert monitoring.check(found(id))[1].paused_words == other.paused_words


def unsettled(id: str, count: int) -> None:
    """Adds exposures without outcomes, whose chat has been deleted."""
    same = {"experiment_id": id, "version": 2, "lane": "chat:x", "unit": "somebody"}
    with write() as session:
        session.execute(insert(Exposure), [{**same, "generation_id": f"gone:{number}"} for number in range(count)])


def test_many_answers_are_stored_a_few_in_a_transaction(app, started):
    id = started()
    with app.app_context():
        unsettled(id, 1_200)
        stored, at_once = [], []

        def count(_connection, _cursor, statement, values, _context, is_many):
            if statement.startswith("UPDATE exposures"):
                stored.append(len(values) if is_many else 1)

        event.listen(db.engine, "before_cursor_execute", count)
        event.listen(db.engine, "commit", lambda _: at_once.append(sum(stored)) or stored.clear())
        judging.judge(found(id))
        db.session.rollback()
        assert db.session.query(Exposure).where(Exposure.settled_at.is_not(None), Exposure.is_good.is_(False)).count() == 1_200
        assert sum(at_once) == 1_200
        assert max(at_once) <= judging.STORED_AT_ONCE


@pytest.mark.slow
def test_whoever_looks_at_many_answers_holds_up_nobody(app, started):
    id = started()
    with app.app_context():
        played(id, 2, good=2_000)
        played(id, 3, good=1_000, bad=1_000)
        monitoring.check(found(id))
        db.session.rollback()
        with steps_on_the_loop(app) as steps:
            assert [arm.good for arm in monitoring.check(found(id))] == [2_000, 1_000]
            db.session.rollback()
    # Counting all of them takes dozens of steps for each.
    assert steps.count < 4_000
