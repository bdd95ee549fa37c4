"""Runs what is due: claims each time once, begins it, and notes how it ended.

A run is a row before it is anything else, unique by its schedule and its time. What it begins has the row as its idempotency
key: after a crash it is begun again, and found.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from webapp.base.current import PerApp
from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Busy, TooMany, Unavailable
from webapp.base.heavy.turns import by_turns
from webapp.engine.chores import Chore
from webapp.engine.engine import the_engine
from webapp.operations.schedules import queries, work
from webapp.operations.schedules.rules import due_times, next_due
from webapp.operations.schedules.tables import (
    ACTIVE,
    DONE,
    FAILED,
    OVER,
    RUNNING,
    STARTING,
    STOPPED,
    Schedule,
    ScheduleRun,
)
from webapp.operations.schedules.work import WorkOutcome
from webapp.people.accounts.tables import User
from webapp.people.notices.telling import tell

A_MINUTE = 60.0
# While something runs, how often it is looked at.
WATCH_SECONDS = 3.0
# A start that others held up is tried again, for about half an hour.
AGAIN_AFTER, MOST_TRIES = timedelta(seconds=50), 30
MOST_FAILURES = 5
MOST_NOTE_CHARS = 1_000
# When this worker looked last.
LAST_LOOK = PerApp[datetime | None](lambda: None)


def look(now: datetime | None = None) -> bool:
    """Claims what is due, begins what was claimed, and notes what has ended; returns whether there is more to come."""
    now = now or utc_now()
    last = LAST_LOOK.get()
    if last is None or now < last:
        _mend(now)
    LAST_LOOK.set(now)
    for schedule_id in by_turns(queries.due_ids(now)):
        if the_engine().is_closing:
            return False
        _claim(schedule_id, now)
    for run_id in by_turns(queries.ids_to_start(now, again_after=AGAIN_AFTER)):
        if the_engine().is_closing:
            return False
        start(run_id, now)
    watch(now)
    is_more = queries.is_anything_active()
    db.session.rollback()
    return is_more


def watch(now: datetime | None = None) -> bool:
    """Notes what has ended; returns whether something runs that doesn't wait for a person."""
    now = now or utc_now()
    for run_id in by_turns(queries.ids_under_way()):
        _settle(run_id, now)
    is_running = db.session.scalar(select(ScheduleRun.id).where(ScheduleRun.status == RUNNING).limit(1))
    db.session.rollback()
    return is_running is not None


def _seconds_to_the_minute() -> float:
    """All rules name minutes, so the chore wakes when one begins."""
    now = utc_now()
    return A_MINUTE - now.second - now.microsecond / 1e6


# The first runs while a schedule is to come, the second only while something runs.
wake = Chore("schedules", look, every_seconds=_seconds_to_the_minute, most_seconds=A_MINUTE).wake
wake_watch = Chore("runs of schedules", watch, every_seconds=WATCH_SECONDS, most_seconds=A_MINUTE).wake


def start(run_id: str, now: datetime | None = None) -> None:
    """Begins what a run is for, unless another worker does; a refusal is its note. What others held up is tried again."""
    now = now or utc_now()
    if not _is_taken(run_id, now):
        return
    run = db.session.get_one(ScheduleRun, run_id, populate_existing=True)
    schedule = db.session.get_one(Schedule, run.schedule_id)
    owner, tries = db.session.get_one(User, schedule.owner_id), run.tries
    if reason := work.reason_to_stop(schedule, owner):
        # Since it was claimed, or by hand.
        _end(run_id, WorkOutcome(FAILED, reason), now)
        return
    try:
        begun = work.begin(schedule, run, owner)
    except (TooMany, Busy, Unavailable) as refusal:
        if tries < MOST_TRIES:
            _store(run_id, note=refusal.message)
            wake()
        else:
            _end(run_id, WorkOutcome(FAILED, refusal.message), now)
    except AppError as refusal:
        _end(run_id, WorkOutcome(FAILED, refusal.message), now)
    else:
        _store(run_id, status=RUNNING, note="", **asdict(begun))
        wake_watch()


def announce(schedule: Schedule, run: ScheduleRun | None, words: str) -> None:
    """Tells the person of a schedule that a run has ended, or that the schedule has stopped."""
    path, once = f"/schedules/{schedule.id}", ""
    if run:
        path = run.path or path
        once = f"schedule {run.id} {run.status}"
    tell(schedule.owner_id, "schedule", schedule.title, path, words or "It has run.", once=once)


def _mend(now: datetime) -> None:
    """Brings forward what a clock that was wrong has put off; a time that has had its run is not due again."""
    for schedule in by_turns(queries.coming(now)):
        earlier = next_due(work.rule_of(schedule), work.zone_for(schedule), now)
        if earlier and schedule.next_at and earlier < schedule.next_at:
            with write(keeps_loaded=True) as session:
                is_it = Schedule.id == schedule.id, Schedule.next_at == schedule.next_at
                session.execute(update(Schedule).where(*is_it).values(next_at=earlier))
    db.session.rollback()


def _claim(schedule_id: str, now: datetime) -> None:
    """Makes the run of a time that is due, for all the times missed since, and moves the schedule on, in one transaction."""
    schedule = db.session.get(Schedule, schedule_id, populate_existing=True)
    if schedule is None or schedule.next_at is None or schedule.next_at > now:
        return
    due_at, owner = schedule.next_at, db.session.get_one(User, schedule.owner_id)
    reason = work.reason_to_stop(schedule, owner)
    is_past_end = bool(schedule.ends_at and due_at > schedule.ends_at)
    times = _times_up_to(schedule, due_at, now)
    following = next_due(work.rule_of(schedule), work.zone_for(schedule), max(now, times[-1]))
    late = work.late_words(schedule, due_at, now, len(times))
    changed = _stopped(reason) if reason else _moved_on(schedule, following)
    with write(keeps_loaded=True) as session:
        is_it = Schedule.id == schedule_id, Schedule.next_at == due_at, Schedule.state == ACTIVE
        moved = session.execute(update(Schedule).where(*is_it).values(**changed).returning(Schedule.id)).first()
        # With a clock that was set back, a time can come that has had its run.
        if moved and not reason and not is_past_end and not _has_run(session, schedule_id, times[-1]):
            session.add(ScheduleRun(schedule_id=schedule_id, due_at=times[-1], late=late))
            _forget_old_runs(session, schedule_id)
    if moved and reason:
        announce(schedule, None, reason)
    db.session.expire_all()


def _times_up_to(schedule: Schedule, due_at: datetime, now: datetime) -> list[datetime]:
    """Returns this time and those after it up to now, as far as they are counted; the run is that of the last.

    Were it that of the first, a clock that is ahead for a moment would take the run of a time that has yet to come.
    """
    later = due_times(work.rule_of(schedule), work.zone_for(schedule), due_at)
    until = min(now, schedule.ends_at or now)
    missed = takewhile(lambda due: due.at <= until, later)
    return [due_at, *(due.at for due in islice(missed, work.MOST_COUNTED))]


def _moved_on(schedule: Schedule, following: datetime | None) -> dict[str, Any]:
    if following and not (schedule.ends_at and following > schedule.ends_at):
        return {"next_at": following}
    return {"next_at": None, "state": OVER, "reason": "It has reached its end." if following else "It was due once."}


def _stopped(reason: str) -> dict[str, Any]:
    return {"next_at": None, "state": STOPPED, "reason": reason}


def _has_run(session: Session, schedule_id: str, due_at: datetime) -> bool:
    query = select(ScheduleRun.id).where(ScheduleRun.schedule_id == schedule_id, ScheduleRun.due_at == due_at)
    return session.scalar(query) is not None


def _forget_old_runs(session: Session, schedule_id: str) -> None:
    kept = select(ScheduleRun.id).where(ScheduleRun.schedule_id == schedule_id).order_by(ScheduleRun.id.desc())
    oldest = session.scalar(kept.offset(queries.MOST_RUNS - 1).limit(1))
    if oldest:
        session.execute(delete(ScheduleRun).where(ScheduleRun.schedule_id == schedule_id, ScheduleRun.id < oldest))


def _is_taken(run_id: str, now: datetime) -> bool:
    """Takes a run for a while, to begin it; of several workers, one succeeds."""
    tried = ScheduleRun.tried_at
    is_free = or_(tried.is_(None), tried <= now - AGAIN_AFTER, tried > now)
    is_it = ScheduleRun.id == run_id, ScheduleRun.status == STARTING, is_free
    taken = update(ScheduleRun).where(*is_it).values(tries=ScheduleRun.tries + 1, tried_at=now).returning(ScheduleRun.id)
    with write() as session:
        return session.scalar(taken) is not None


def _store(run_id: str, **values: Any) -> None:
    with write() as session:
        session.execute(update(ScheduleRun).where(ScheduleRun.id == run_id, ScheduleRun.status == STARTING).values(**values))


def _settle(run_id: str, now: datetime) -> None:
    run = db.session.get(ScheduleRun, run_id, populate_existing=True)
    outcome = work.outcome_of(run, now) if run else None
    if run is None or outcome is None or outcome.status == run.status:
        return
    if outcome.status in (DONE, FAILED):
        _end(run_id, outcome, now)
        return
    # That a call waits for its person is told of every answer.
    with write() as session:
        is_it = ScheduleRun.id == run_id, ScheduleRun.status == run.status
        session.execute(update(ScheduleRun).where(*is_it).values(status=outcome.status, note=outcome.note))


def _end(run_id: str, outcome: WorkOutcome, now: datetime) -> None:
    """Notes the end of a run once, and stops a schedule whose runs fail one after another."""
    with write(keeps_loaded=True) as session:
        of_run = select(Schedule).join(ScheduleRun, ScheduleRun.schedule_id == Schedule.id).where(ScheduleRun.id == run_id)
        schedule = session.scalar(of_run.with_for_update(of=Schedule).execution_options(populate_existing=True))
        run = session.get(ScheduleRun, run_id, populate_existing=True)
        if schedule is None or run is None or not run.is_open:
            return
        run.status, run.ended_at = outcome.status, now
        run.note = outcome.note[:MOST_NOTE_CHARS]
        schedule.failures = schedule.failures + 1 if outcome.status == FAILED else 0
        words = outcome.note
        if schedule.failures >= MOST_FAILURES and schedule.state == ACTIVE:
            words = f"It failed {MOST_FAILURES} times in a row, the last time with: {outcome.note}"[:MOST_NOTE_CHARS]
            schedule.next_at, schedule.state, schedule.reason = None, STOPPED, words
    announce(schedule, run, words)
