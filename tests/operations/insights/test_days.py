"""Daily sums give the same figures as a plain count, whether a background task or the command computes them."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from tests.operations.insights.test_insights import Made, made, ms, program
from tests.support.marks import on_both_databases
from webapp.base.db import db, utc_now, write
from webapp.engine.tables import Generation
from webapp.operations.insights import days
from webapp.operations.insights.figures import AnswerFacts, summed_by
from webapp.operations.insights.queries import AnswerFilter
from webapp.operations.insights.tables import InsightDay, InsightMark

__all__ = ["made", "ms", "program"]


def a_past(made: Made, people: list[str | None], count: int) -> None:
    """Inserts random answers over the last 60 days."""
    luck, now = random.Random(11), utc_now().replace(microsecond=0)
    for _ in range(count):
        asked_at = now - timedelta(seconds=luck.randrange(10, 60 * 86_400))
        first = luck.choice([None, timedelta(milliseconds=luck.randrange(5_000))])
        made(
            created_at=asked_at,
            first_text_at=first and asked_at + first,
            ended_at=asked_at + (first or timedelta()) + timedelta(milliseconds=luck.randrange(20_000)),
            status=luck.choice(["completed", "completed", "stopped", "failed"]),
            notices=luck.choice([[], [{"code": "fallback", "message": "…"}]]),
            cost=luck.choice([None, f"0.{luck.randrange(10**12):012}"]),
            input_tokens=luck.choice([None, luck.randrange(9_000)]),
            user_id=luck.choice(people),
            kind=luck.choice(["chat", "chat", "plan", "title"]),
            model_asked=luck.choice("ab"),
            led_by=luck.choice(["", "version 1 of quick", "version 2 of quick, arm B"]),
        )


def everything(program, owner, member, until: datetime) -> list[Any]:
    """Returns all figures of the pages and the API for the last 50 days, beginning in the middle of a day."""
    period = {"from": (until - timedelta(days=50, hours=5)).isoformat(), "to": until.isoformat()}
    queries = [
        {},
        {"kind": "title"},
        {"model": "a"},
        {"user": member.person_id},
        {"model": "b", "kind": "plan"},
        {"prompt": "version 1 of quick"},
    ]
    told = [program.get("/insights/summary", query={**period, **query}) for query in queries]
    told += [program.get("/insights/series", query={**period, "metric": metric}) for metric in ("ttft_p95_ms", "cost", "answers")]
    pages = [
        owner.page(path)
        for path in (
            "/insights?period=1y",
            "/insights?period=30d&model=a",
            "/insights?period=30d&prompt=version+1+of+quick",
            "/insights?period=7d",
        )
    ]
    pages.append(member.page("/insights?period=1y"))
    return told + [[" ".join(element.text(separator=" ").split()) for element in page.all(".tile, .table tr")] for page in pages]


@pytest.mark.slow
@on_both_databases
def test_summed_up_days_change_no_figure(app, made, program, owner, member):
    a_past(made, [owner.person_id, member.person_id, None], 150)
    with app.app_context():
        # No sums are pending, so the first request starts none while the answers are counted directly.
        days.sum_up_all()
        # Both are queried for the same hours, however long they take.
        until = utc_now().replace(minute=0, second=0, microsecond=0)
        plain = _without_sums(lambda: everything(program, owner, member, until))
        # A request can also have started sums in the background.
        days.sum_up_all()
        assert db.session.scalar(db.select(db.func.count()).select_from(InsightMark)) >= 55
        assert db.session.scalar(db.select(db.func.count()).select_from(InsightDay))
        db.session.rollback()
        assert everything(program, owner, member, until) == plain


def _without_sums(look):
    """Queries with all sums deleted, so that every figure is counted from the answers."""
    with write() as session:
        session.execute(db.delete(InsightMark))
        session.execute(db.delete(InsightDay))
        # A mark far in the future: no task computes the days before it.
        session.add(InsightMark(day=utc_now().date() + timedelta(days=400)))
    return look()


@on_both_databases
def test_an_answer_that_waited_for_a_person_for_a_month_is_summed_up(app, made, program):
    asked_at = utc_now() - timedelta(days=40)
    made(created_at=asked_at, first_text_at=None, ended_at=asked_at + timedelta(days=30))
    with app.app_context():
        assert days.sum_up_all()
    period = {"from": (asked_at - timedelta(days=2)).isoformat(), "to": utc_now().isoformat()}
    assert program.get("/insights/summary", query=period)["duration_avg_ms"] == 30 * 86_400_000


def test_a_day_is_summed_up_once_and_not_while_it_is_written(app, made):
    yesterday = utc_now() - timedelta(days=2)
    made(3, created_at=yesterday - timedelta(days=3))
    (running,) = made(created_at=yesterday, status="running", ended_at=None, first_text_at=None)
    with app.app_context():
        assert days.sum_up_all() == 3
        with write() as session:
            session.execute(db.update(Generation).where(Generation.id == running["id"]).values(status="failed"))
        assert days.sum_up_next()
        days.sum_up(yesterday.date())
        assert db.session.scalar(db.select(db.func.count()).where(InsightMark.day == yesterday.date())) == 1


@pytest.mark.slow
def test_a_day_of_many_models_is_stored_some_at_a_time(app, made):
    day = utc_now() - timedelta(days=3)
    for number in range(2 * days.ROWS_AT_ONCE):
        made(created_at=day, model_asked=f"model {number}")
    with app.app_context():
        days.sum_up(day.date())
        whole = _stored(day)
        # The state that a worker killed halfway leaves.
        with write() as session:
            session.execute(db.delete(InsightMark))
            session.execute(db.delete(InsightDay).where(InsightDay.model < "model 2"))
        commits: list[object] = []

        def note(connection):
            commits.append(connection)

        event.listen(db.engine, "commit", note)
        try:
            days.sum_up(day.date())
        finally:
            event.remove(db.engine, "commit", note)
        assert len(commits) > 4
        assert _stored(day) == whole


def _stored(day: datetime) -> set[tuple[Any, ...]]:
    one = InsightDay
    return {tuple(row) for row in db.session.execute(db.select(one.user_id, one.model, one.answers).where(one.day == day.date()))}


def test_a_command_counts_again(app, made):
    made(2, created_at=utc_now() - timedelta(days=4))
    result = app.test_cli_runner().invoke(args=["insights", "recount"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Counted ")


def test_an_empty_server_has_nothing_to_sum_up(app):
    with app.app_context():
        assert days.sum_up_all() == 0


def test_a_long_period_is_read_a_few_days_at_a_time(app, owner):
    today, read = utc_now(), []
    with app.app_context():
        with write() as session:
            session.add_all(InsightMark(day=(today - timedelta(days=age)).date()) for age in range(2, 62))

        def note(_connection, _cursor, statement, *_):
            if "FROM insight_days" in statement:
                read.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        wanted = AnswerFilter(today - timedelta(days=70), today)
        assert list(days.known(wanted)) == list(days.people(wanted)) == []
    assert len(read) >= 2 * 60 // days.DAYS_AT_ONCE


def test_what_is_summed_by_something_keeps_no_single_times():
    answers = [AnswerFacts("2026-01-05 00", kind, None, "a", 0, 100 + at, 200, 0, 1, 1, None) for at, kind in enumerate("xxy")]
    whole, parts = summed_by(iter(answers), {"kind": lambda one: one.kind})
    assert list(whole.first_texts) == [100, 101, 102]
    assert {kind: (part.answers, part.first_text_total_ms) for kind, part in parts["kind"].items()} == {
        "x": (2, 201),
        "y": (1, 102),
    }
    assert not any(part.first_texts for part in parts["kind"].values())
