"""What is due runs exactly once: over changes of the clocks, a leap day, days without a server, wrong clocks and two workers."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import gevent
import pytest
from flask import Flask
from sqlalchemy import func, select, update

from tests.operations.schedules.making import NOON, added, runs_of, state_of
from tests.support.browser import Browser
from tests.support.marks import on_both_databases
from tests.support.waiting import until
from webapp.base.db import db, write
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.operations.schedules import running, work
from webapp.operations.schedules.rules import due_times
from webapp.operations.schedules.tables import Schedule, ScheduleRun
from webapp.people.accounts.permissions import change as change_permissions
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.notices.tables import NoticeChannel, StoredNotice
from webapp.plans.tables import Plan
from webapp.plans.types import service as plan_type_service
from webapp.settings.service import set_setting
from webapp.workflows.tables import WorkflowRun

BERLIN = "Europe/Berlin"
# Both changes of the clocks, and a leap day; between them, the server is down.
WINDOWS = [(datetime(2027, 3, 28), 1), (datetime(2027, 10, 31), 1), (datetime(2028, 2, 28, 12), 2)]
RULES = [
    {"every": "day", "at": "02:30"},
    {"every": "weekday", "at": "08:00"},
    {"every": "month", "at": "02:00", "on": "31"},
    {"cron": "0 */6 * * *"},
    {"cron": "30 9 29 2 *"},
]


@cache
def moments() -> Sequence[datetime]:
    """The times of the looks: every second hour but a few, and now and then the clock goes back a little."""
    looks = [start.replace(tzinfo=UTC) + timedelta(hours=hour) for start, days in WINDOWS for hour in range(0, 24 * days, 2)]
    return [look - timedelta(hours=2) if index % 17 == 16 else look for index, look in enumerate(looks) if index % 5 != 4]


@on_both_databases
def test_each_due_run_is_there_once_whatever_the_clock_does_and_with_two_workers(make_app: Callable[..., Flask]) -> None:
    workers = [make_app(), make_app()]
    start = datetime(2027, 3, 1, tzinfo=UTC)
    with workers[0].app_context():
        set_setting("limits.made_per_minute", "0")
        ids = [added(start, rule=rule, time_zone=BERLIN, workflow="weekly-checkin", prompt="") for rule in RULES]

    def look(worker: Flask, now: datetime) -> None:
        with worker.app_context():
            running.look(now)

    for now in moments():
        gevent.joinall([gevent.spawn(look, worker, now) for worker in workers], raise_error=True)
    with workers[0].app_context():
        for id in ids:
            schedule = db.session.get_one(Schedule, id)
            dues = [due.at for due in _until_last(due_times(work.rule_of(schedule), work.zone_for(schedule), start))]
            runs = db.session.scalars(select(ScheduleRun).where(ScheduleRun.schedule_id == id).order_by(ScheduleRun.due_at)).all()
            assert [run.due_at for run in runs] == _expected(dues)
            # What was missed is said, and nothing else is.
            for run in runs:
                look_at = _look_after(run.due_at)
                is_alone = [_look_after(due) for due in dues].count(look_at) == 1
                assert bool(run.late) == (not is_alone or look_at - run.due_at > work.LATE), run.late
        assert db.session.scalar(select(func.count()).select_from(WorkflowRun)) == db.session.scalar(
            select(func.count()).select_from(ScheduleRun)
        )


def _until_last(dues):
    for due in dues:
        if due.at > max(moments()):
            return
        yield due


def _look_after(moment: datetime) -> datetime:
    return next(look for look in moments() if look >= moment)


def _expected(dues: Sequence[datetime]) -> list[datetime]:
    """Of the times between two looks, the last: it stands for all."""
    return sorted({_look_after(due): due for due in dues}.values())


def test_a_time_that_passed_while_the_server_was_down_runs_once_and_says_so(owner: Browser) -> None:
    with owner.app.app_context():
        id = added(NOON - timedelta(days=3), rule={"every": "day", "at": "08:00"}, prompt="News")
        running.look(NOON)
        [run] = runs_of(id)
        assert run.late == (
            "This was due on Wednesday, 25 November 2026, 08:00, but the server wasn't running then. "
            "It runs once for the 3 times that were missed."
        )
        question = db.session.scalar(select(Message.content).where(Message.chat_id == run.chat_id, Message.role == "user"))
        assert question == f"News\n\n({run.late})"
        running.look(NOON + timedelta(hours=1))
        assert len(runs_of(id)) == 1


def test_what_was_missed_ends_with_the_schedule(owner: Browser) -> None:
    with owner.app.app_context():
        end = NOON - timedelta(days=2)
        id = added(
            NOON - timedelta(days=4), rule={"every": "day", "at": "08:00"}, ends_at=end, workflow="weekly-checkin", prompt=""
        )
        running.look(NOON)
        [run] = runs_of(id)
        assert run.due_at == end - timedelta(hours=4)
        assert run.late.endswith("It runs once for the 2 times that were missed.")
        assert state_of(id).state == "over"


def test_a_clock_that_was_wrong_loses_and_doubles_nothing(owner: Browser) -> None:
    with owner.app.app_context():
        id = added(NOON, rule={"every": "day", "at": "08:00"}, workflow="weekly-checkin", prompt="")
        tomorrow = NOON + timedelta(hours=20)
        running.look(tomorrow)
        # Years ahead, then right again, a little too early, and in time.
        running.look(NOON + timedelta(days=4_000))
        running.look(tomorrow - timedelta(minutes=5))
        running.look(tomorrow)
        running.look(tomorrow + timedelta(days=1))
        assert sorted(run.due_at for run in runs_of(id))[:2] == [tomorrow, tomorrow + timedelta(days=1)]
        assert len(runs_of(id)) == 3


def test_what_was_claimed_before_a_crash_begins_once(owner: Browser) -> None:
    with owner.app.app_context():
        id = added(NOON - timedelta(hours=1), rule={"every": "day", "at": "11:30"}, prompt="News")
        running._claim(id, NOON)
        [run] = runs_of(id)
        assert (run.status, run.tries) == ("starting", 0)
        running.look(NOON + timedelta(minutes=1))
        [run] = runs_of(id)
        assert run.status == "running"
        # The answer was begun, and the server died before it noted that.
        with write() as session:
            session.execute(update(ScheduleRun).values(status="starting", chat_id="", message_id="", tried_at=NOON))
        running.look(NOON + timedelta(minutes=3))
        [again] = runs_of(id)
        assert (again.status, again.tries) == ("running", 2)
        assert db.session.scalar(select(func.count()).select_from(Chat)) == 1


def test_an_ordinary_answer_a_plan_and_the_next_turn_of_a_chat(owner: Browser) -> None:
    with owner.app.app_context():
        rule = {"every": "day", "at": "11:59"}
        first = added(NOON - timedelta(hours=1), rule=rule, prompt="First", title="Morning news", tools=[])
        running.look(NOON)
        [run] = runs_of(first)
        _wait_for_end(run)
        running.watch(NOON)
        assert (state_of(first).failures, runs_of(first)[0].status) == (0, "done")
        chat = db.session.get_one(Chat, run.chat_id)
        assert chat.owner_id == owner.person_id
        plan_id = added(NOON, rule=rule, prompt="", plan_type="monthly", plan_inputs=_sample())
        next_turn = added(NOON, rule=rule, prompt="Second", chat_id=chat.id)
        running.look(NOON + timedelta(days=1))
        [plan_run], [turn] = runs_of(plan_id), runs_of(next_turn)
        assert db.session.get(Plan, plan_run.plan_id)
        assert turn.chat_id == chat.id
        asked = db.session.scalars(select(Message.content).where(Message.chat_id == chat.id, Message.role == "user")).all()
        assert asked == ["First", "Second"]


def test_a_busy_chat_is_tried_again_and_one_that_is_gone_fails_until_it_stops(owner: Browser) -> None:
    with owner.app.app_context():
        chat_id = "0" * 26
        with write() as session:
            session.add(Chat(id=chat_id, owner_id=owner.person_id, model="demo/quick"))
        rule = {"every": "day", "at": "11:59"}
        id = added(NOON - timedelta(hours=1), rule=rule, prompt="More", chat_id=chat_id)
        with write() as session:
            lane = f"chat:{chat_id}"
            session.add(Generation(id="g", kind="chat", lane=lane, status="waiting", model_asked="m", owner="x"))
        running.look(NOON)
        [run] = runs_of(id)
        assert (run.status, bool(run.note), run.tries) == ("starting", True, 1)
        running.look(NOON + timedelta(seconds=30))
        assert runs_of(id)[0].tries == 1
        with write() as session:
            session.execute(update(Generation).values(status="completed"))
        running.look(NOON + timedelta(minutes=1))
        assert runs_of(id)[0].status in ("running", "done")
        with write() as session:
            session.execute(update(Chat).values(deleted_at=NOON))
            session.execute(update(ScheduleRun).values(status="done"))
        for day in range(1, 8):
            running.look(NOON + timedelta(days=day))
        schedule = state_of(id)
        assert (schedule.state, schedule.next_at, len(runs_of(id))) == ("stopped", None, 6)
        assert schedule.reason.startswith("It failed 5 times in a row, the last time with: The chat is gone")
    assert owner.page(f"/schedules/{id}").says("It failed 5 times in a row")


@pytest.mark.parametrize("lost", ["disabled", "schedules", "chat", "end", "once"])
def test_it_stops_when_it_must_and_says_why(owner: Browser, member: Browser, lost: str) -> None:
    reasons = {
        "disabled": ("stopped", "The account was disabled."),
        "schedules": ("stopped", "Your account no longer has the permission “Schedules”. Ask an admin."),
        "chat": ("stopped", "Your account no longer has the permission “Chat”. Ask an admin."),
        "end": ("over", "It has reached its end."),
        "once": ("over", "It was due once."),
    }
    with owner.app.app_context():
        rule = {"every": "once", "at": "11:59", "on": "2026-11-27"} if lost == "once" else {"every": "day", "at": "11:59"}
        ends_at = NOON + timedelta(hours=1) if lost == "end" else None
        id = added(NOON - timedelta(hours=1), rule=rule, prompt="News", ends_at=ends_at, owner_id=member.person_id)
        if lost == "disabled":
            with write() as session:
                session.get_one(User, member.person_id).disabled_at = NOON
        elif lost in ("schedules", "chat"):
            boss = db.session.get_one(User, owner.person_id)
            change_permissions(PersonAuthor(boss, ""), roles={"member": {lost: False}})
        running.look(NOON)
        schedule = state_of(id)
        assert (schedule.state, schedule.reason) == reasons[lost]
        assert (schedule.next_at, len(runs_of(id))) == (None, 1 if lost in ("end", "once") else 0)
        running.look(NOON + timedelta(days=2))
        assert len(runs_of(id)) == (1 if lost in ("end", "once") else 0)


def test_its_result_is_told_once(owner: Browser) -> None:
    with owner.app.app_context():
        with write() as session:
            session.add(NoticeChannel(user_id=owner.person_id, way="email", identity="email:1", name="Email"))
        id = added(NOON - timedelta(hours=1), rule={"every": "day", "at": "11:59"}, prompt="News", title="Morning news")
        running.look(NOON)
        [run] = runs_of(id)
        _wait_for_end(run)
        running.watch(NOON)
        running.watch(NOON)
        notices = db.session.scalars(select(StoredNotice)).all()
        assert [(notice.kind, notice.subject, notice.path) for notice in notices] == [
            ("schedule", "Morning news", f"/chats/{run.chat_id}#end")
        ]


def test_no_more_than_a_hundred_runs_are_kept(owner: Browser) -> None:
    with owner.app.app_context():
        id = added(NOON - timedelta(hours=1), rule={"every": "day", "at": "11:59"}, prompt="News")
        with write() as session:
            for day in range(150):
                session.add(ScheduleRun(schedule_id=id, due_at=NOON - timedelta(days=day + 2), status="done"))
        running.look(NOON)
        assert len(runs_of(id)) == 100


def _sample() -> dict[str, object]:
    return plan_type_service.get("monthly").sample


def _wait_for_end(run: ScheduleRun) -> None:
    query = select(Generation.status).where(Generation.message_id == run.message_id)

    def has_ended() -> bool:
        db.session.rollback()
        return db.session.scalar(query) == "completed"

    until(has_ended, "the answer has ended")
