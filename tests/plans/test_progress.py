"""How far a plan is: what events, the status and the page tell, and that nothing of it goes back."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask

from tests.plans.conftest import LorebookEditor
from tests.plans.halting import RISKS, WEEK_3, halting
from tests.plans.program import Program
from tests.plans.test_dialect import EXAMPLE, TEXT, WEEK_3 as AT_WEEK_3
from tests.support.browser import Browser
from tests.support.waiting import until
from tests.upstream.behaviours import TOKEN
from tests.upstream.handle import Upstream
from webapp.base.db import write
from webapp.engine.tables import Generation
from webapp.guests.dialects.plans.encoder import PlanOutcome, PlansEncoder
from webapp.models.connections.providers import PROVIDERS, Providers
from webapp.models.providers.demo import DemoProvider
from webapp.models.upstream import Upstream as Outgoing
from webapp.plans.queries import median_seconds
from webapp.plans.types import service as plan_type_service
from webapp.plans.types.service import FOLDER
from webapp.plans.writing.projection import PlanPace, PlanProjection, progress_of, time_left
from webapp.streaming.codec import SseDecoder, SseMessage
from webapp.streaming.events import Delta, Ended
from webapp.streaming.topics import Entry

MONTHLY = plan_type_service.parsed("monthly", (FOLDER / "monthly.yaml").read_text("utf-8")).plan


def progress_in(told: list[SseMessage]) -> list[dict[str, Any]]:
    return [data for event in told if "weeksCompleted" in (data := json.loads(event.data))]


def never_goes_back(told: list[dict[str, Any]]) -> bool:
    # A second that passes while the last text is told is none of the plan's, which has ended by then.
    return all(
        before[name] <= after[name] + (name == "seconds")
        for name in ("weeksCompleted", "chars", "tokens", "seconds", "percent")
        for before, after in pairwise(told)
    )


def test_percent_counts_the_parts_that_the_schema_requires() -> None:
    projection, found = PlanProjection(MONTHLY, {}, []), []
    for seq, sign in enumerate(TEXT, 1):
        list(projection.fold(Entry(seq, Delta(sign))))
        found.append(progress_of(projection, MONTHLY, PlanPace(10, 5.0, 40.0), now=seq / 100))
    # A title, a summary, four weeks, the risks and a first step.
    assert list(dict.fromkeys(progress.percent for progress in found)) == [0, 12, 25, 37, 50, 62, 75, 87, 99]
    assert [progress.chars for progress in found] == list(range(11, len(TEXT) + 11))
    assert (found[-1].done, found[-1].total, found[-1].tokens) == (4, 4, -(-(len(TEXT) + 10) // 4))
    assert (found[0].seconds, found[-1].seconds) == (0, int(len(TEXT) / 100 - 5))
    assert (found[0].seconds_left, found[-1].seconds_left) == (40, 0)


def test_nothing_is_told_where_nothing_is_known() -> None:
    free = {"type": "object", "properties": {"note": {"type": "string"}}}
    found = progress_of(PlanProjection(free, {}, []), free, PlanPace(0, 0.0, 9.0), now=1.0)
    assert (found.percent, found.seconds_left) == (None, None)
    assert progress_of(PlanProjection(MONTHLY, {}, []), MONTHLY, PlanPace(0, 0.0, None), now=1.0).seconds_left is None
    assert time_left(PlanProjection(MONTHLY, {}, []), MONTHLY, PlanPace(0, 0.0, None)) == ""


@pytest.mark.parametrize(
    ("usual", "words"),
    [(4, "almost done"), (5, "about 5 s left"), (41.5, "about 45 s left"), (90, "about 90 s left"), (130, "about 2 min left")],
)
def test_the_time_left_in_words(usual: float, words: str) -> None:
    assert time_left(PlanProjection(MONTHLY, {}, []), MONTHLY, PlanPace(0, 0.0, usual)) == words


def test_the_usual_time_is_that_of_the_same_model_if_known() -> None:
    assert median_seconds([], "a") is None
    assert median_seconds([("a", 10), ("b", 1), ("a", 30), ("a", 12)], "a") == 12
    assert median_seconds([("a", 10), ("b", 2)], "c") == 6


def test_events_status_and_page_tell_the_same(desk: LorebookEditor, app: Flask, program: Program, member: Browser) -> None:
    first = desk.made()
    with app.app_context(), write() as session:
        generation = session.get_one(Generation, first.generation_id)
        assert generation.ended_at
        generation.started_at = generation.ended_at - timedelta(seconds=80)
    demo = halting(app, WEEK_3, RISKS)
    begun = program.open(preferenceId=program.wish())
    pieces, plan_id = begun.iter_encoded(), begun.headers["X-Plan-Id"]
    status = f"/api/streaming/status/{plan_id}"
    until(lambda: program.send("GET", status)[1]["progress"]["weeksCompleted"] == 2, "two weeks are there")

    first_state = program.send("GET", status)[1]["progress"]
    assert first_state["percent"] == 50
    assert first_state["secondsLeft"] == 40
    assert first_state["tokens"] == -(-first_state["chars"] // 4)
    page = member.submit("/plans/new?type=monthly", goals="Finish the shelf").path
    member.wait_for(page, lambda page: "about 40 s left" in page.text)

    demo.go_on()
    demo.go_on()
    told = progress_in(list(decoded(pieces)))
    assert never_goes_back(told)
    state = program.send("GET", status)[1]["progress"]
    assert (state["percent"], state["secondsLeft"], state["weeksCompleted"]) == (100, None, 4)
    assert never_goes_back([first_state, *told[-1:], state])


def test_the_last_progress_has_the_time_of_the_end_and_not_of_who_reads_it_late() -> None:
    outcome = PlanOutcome("partial", {"title": "A shelf"}, None, "upstream_cut", "It was cut.", retryable=True, seconds=0.9)
    pace = PlanPace(0, 10.0, 40.0)
    encoder = PlansEncoder("p", MONTHLY, PlanProjection(MONTHLY, {}, []), pace, lambda: 11.2, lambda: outcome, begins_at=2)
    assert not encoder.encode(Entry(1, Delta(TEXT[:200])))
    last, error = encoder.encode(Entry(2, Ended("failed", "upstream_cut")))
    assert isinstance(last.data, dict)
    assert last.data["seconds"] == 0
    assert error.event == "error"


def decoded(pieces: Iterable[bytes]) -> Iterator[SseMessage]:
    decoder = SseDecoder()
    return (message for piece in pieces for message in decoder.feed(piece))


@pytest.mark.slow
@pytest.mark.parametrize("second", ["rest", "cut", "nonsense", "error"])
def test_after_a_cut_nothing_goes_back(fake: Upstream, make_app: Callable[..., Flask], second: str) -> None:
    app = make_app(**fake.environ)
    program = Program(app, "patient@example.org")
    PROVIDERS.set(Providers(DemoProvider(), Outgoing()), app)
    cut = TEXT[: AT_WEEK_3 + 60]
    rest = {"weeks.2": EXAMPLE["weeks"][2], "weeks.3": EXAMPLE["weeks"][3]}
    rest |= {"risks": EXAMPLE["risks"], "first_step": EXAMPLE["first_step"]}
    answers: dict[str, dict[str, Any]] = {
        "rest": {"tokens": TOKEN.findall(json.dumps(rest)), "pace": 0.002},
        "cut": {"tokens": TOKEN.findall(json.dumps(rest)[:150]), "pace": 0.02},
        "nonsense": {"says": "I would rather not."},
        "error": {"status": 400},
    }
    fake.behaves([{"tokens": TOKEN.findall(cut), "pace": 0.002}, answers[second]])
    begun = program.open(preferenceId=program.wish())
    pieces, path = begun.iter_encoded(), f"/api/streaming/status/{begun.headers['X-Plan-Id']}"
    told, states = list[dict[str, Any]](), list[dict[str, Any]]()
    for message in decoded(pieces):
        told += progress_in([message])
        states.append(program.send("GET", path)[1])

    end, added = states[-1], answers[second]
    assert never_goes_back([*told, end["progress"]])
    assert never_goes_back([state["progress"] for state in states])
    assert end["progress"]["chars"] == len(cut) + len("".join(added.get("tokens", [])) or added.get("says", ""))
    assert (end["status"], end["progress"]["weeksCompleted"]) == (("completed", 4) if second == "rest" else ("partial", 2))
