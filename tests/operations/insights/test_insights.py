"""Insights: the figures equal a plain recount, members see only their own, and every number links to its list."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from tests.api.client import Client, client_of
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.steps import steps_on_the_loop
from tests.upstream.handle import Upstream as Fake
from webapp.base.db import utc_now, write
from webapp.base.ids import new_id
from webapp.engine.tables import Generation
from webapp.operations.insights import days

Made = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def program(app: Flask, owner: Browser) -> Client:
    return client_of(app, owner.email)


@pytest.fixture
def made(app: Flask, owner: Browser) -> Made:
    """Stores answers that ended some time ago."""

    def make(count: int = 1, **how: Any) -> list[dict[str, Any]]:
        asked_at = utc_now().replace(microsecond=0) - timedelta(hours=1)
        usual = {"kind": "chat", "lane": "chat:x", "status": "completed", "reason": "stop", "owner": "", "model_asked": "a"}
        usual |= {"user_id": owner.person_id, "notices": [], "cost": None, "created_at": asked_at, "model_used": ""}
        times = {"first_text_at": asked_at + timedelta(milliseconds=200), "ended_at": asked_at + timedelta(seconds=2)}
        tokens = {"input_tokens": None, "output_tokens": None}
        rows = [{**usual, **times, **tokens, "id": new_id(), **how} for _ in range(count)]
        with app.app_context(), write() as session:
            session.execute(insert(Generation), rows)
        return rows

    return make


def a_world(made: Made, people: list[str], count: int) -> list[dict[str, Any]]:
    """Stores random answers of all kinds and statuses over the last six days."""
    luck, now, rows = random.Random(7), utc_now().replace(microsecond=0), list[dict[str, Any]]()
    for _ in range(count):
        asked_at = now - timedelta(seconds=luck.randrange(10, 6 * 86_400))
        first = luck.choice([None, timedelta(milliseconds=luck.randrange(5_000))])
        ended_at = asked_at + (first or timedelta()) + timedelta(milliseconds=luck.randrange(20_000))
        rows.append(
            {
                "created_at": asked_at,
                "first_text_at": first and asked_at + first,
                "ended_at": ended_at,
                "status": luck.choice(["completed", "completed", "stopped", "failed", "interrupted"]),
                "notices": luck.choice([[], [{"code": "fallback", "message": "…"}], [{"code": "length", "message": "…"}]]),
                "cost": luck.choice([None, f"0.{luck.randrange(10**9):09}"]),
                "input_tokens": luck.choice([None, luck.randrange(9_000)]),
                "user_id": luck.choice(people),
                "model_asked": luck.choice("abc"),
            }
        )
    return [made(**row)[0] for row in rows]


def ms(one: dict[str, Any], name: str) -> int | None:
    at: datetime | None = one[name]
    return None if at is None else round((at - one["created_at"]).total_seconds() * 1000)


@pytest.mark.slow
@on_both_databases
def test_the_figures_are_those_of_a_plain_recount(made: Made, program: Client, owner: Browser, member: Browser) -> None:
    rows = a_world(made, [owner.person_id, member.person_id], 150)
    found = program.get("/insights/summary")
    broken = [row for row in rows if row["status"] in ("failed", "interrupted")]
    firsts = sorted(first_ms for row in rows if (first_ms := ms(row, "first_text_at")) is not None)
    assert found["answers"] == 150
    assert found["error_rate"] == pytest.approx(len(broken) / 150)
    assert found["success_rate"] == pytest.approx(1 - len(broken) / 150)
    assert found["fallback_rate"] == pytest.approx(sum("fallback" in str(row["notices"]) for row in rows) / 150)
    assert found["ttft_avg_ms"] == pytest.approx(sum(firsts) / len(firsts))
    assert found["ttft_p50_ms"] == firsts[-(-len(firsts) // 2) - 1]
    assert found["ttft_p95_ms"] == firsts[-(-len(firsts) * 95 // 100) - 1]
    assert found["duration_avg_ms"] == pytest.approx(sum(ms(row, "ended_at") or 0 for row in rows) / 150)
    assert Decimal(found["cost"]) == sum(Decimal(row["cost"]) for row in rows if row["cost"])
    assert found["tokens"] == {"input": sum(row["input_tokens"] or 0 for row in rows), "output": 0}
    waiting = [(ms(row, "ended_at") or 0) - first for row in rows if (first := ms(row, "first_text_at")) is not None]
    assert found["waiting_saved_ms"] == sum(waiting)


def test_a_course_has_every_step_and_all_answers(made: Made, program: Client, owner: Browser) -> None:
    a_world(made, [owner.person_id], 40)
    days = program.get("/insights/series")["points"]
    assert (len(days), sum(day["answers"] for day in days)) == (8, 40)
    hours = program.get("/insights/series", query={"metric": "ttft_p50_ms", "step": "hour"})["points"]
    assert sum(hour["answers"] for hour in hours) == 40
    assert {hour["value"] for hour in hours if not hour["answers"]} == {None}


@pytest.mark.slow
def test_every_figure_of_the_summary_has_a_course(made: Made, program: Client, owner: Browser) -> None:
    a_world(made, [owner.person_id], 5)
    whole = program.get("/insights/summary")
    for name in whole.keys() - {"from", "to"}:
        assert [set(point) for point in program.get("/insights/series", query={"metric": name})["points"][:1]]
    course = program.get("/insights/series", query={"metric": "waiting_saved_ms"})["points"]
    assert sum(point["value"] for point in course) == whole["waiting_saved_ms"] > 0


@pytest.mark.slow
def test_versions_of_prompts_are_compared(made: Made, program: Client, owner: Browser) -> None:
    made(3, led_by="version 1 of quick", status="failed")
    made(2, led_by="version 2 of quick")
    made()
    page = owner.page("/insights")
    rows = [" ".join(row.text(separator=" ").split()) for row in page.all("section[aria-labelledby=by-prompt] tbody tr")]
    assert [row.partition(" % ")[0] for row in rows] == [
        "Version 1 of quick 3 0",
        "Version 2 of quick 2 100",
        "None, or not recorded 1 100",
    ]

    only = page.click("Version 2 of quick")
    assert "Answers 2" in " ".join(only.all(".tile")[0].text(separator=" ").split())
    assert len(only.all("section[aria-labelledby=by-prompt] tbody tr")) == 1
    assert program.get("/insights/summary", query={"prompt": "version 1 of quick"})["error_rate"] == 1


@pytest.mark.slow
def test_the_prompt_library_has_the_trend_of_each_prompt(app: Flask, made: Made, owner: Browser, member: Browser) -> None:
    now = utc_now()
    for age, count in ((0, 2), (1, 1), (13, 3), (20, 5)):
        made(count, led_by="version 1 of quick, arm B; version 2 of continue", created_at=now - timedelta(days=age))
    made(user_id=member.person_id, led_by="version 1 of quick")

    def trends(browser: Browser) -> dict[str, str]:
        rows = [(row.css_first(".key"), row.css_first(".trend .how")) for row in browser.page("/prompts").all(".entries a")]
        return {key.text(): trend.text() for key, trend in rows if key and trend}

    for _ in range(2):
        assert trends(owner) == {"quick": "7 answers in 14 days", "continue": "6 answers in 14 days"}
        assert trends(member) == {}
        with app.app_context():
            days.sum_up_all()


@pytest.mark.slow
def test_answers_are_listed_page_by_page(made: Made, program: Client, owner: Browser) -> None:
    rows = a_world(made, [owner.person_id], 25)
    wanted = sorted((row["id"] for row in rows), reverse=True)
    found, cursor = list[str](), ""
    while cursor is not None:
        page = program.get("/insights/answers", query={"limit": 10, "cursor": cursor})
        found += [answer["id"] for answer in page["answers"]]
        cursor = page["next_cursor"]
    assert found == wanted
    broken = program.get("/insights/answers", query={"outcome": "broken", "limit": 200})["answers"]
    assert {answer["id"] for answer in broken} == {row["id"] for row in rows if row["status"] in ("failed", "interrupted")}
    fallback = program.get("/insights/answers", query={"outcome": "fallback"})["answers"]
    assert {answer["id"] for answer in fallback} == {row["id"] for row in rows if "fallback" in str(row["notices"])}


def test_members_see_their_own_alone(app: Flask, made: Made, program: Client, owner: Browser, member: Browser) -> None:
    (theirs,), (own,) = made(), made(user_id=member.person_id)
    other = client_of(app, member.email)
    assert other.get("/insights/summary")["answers"] == 1
    assert program.get("/insights/summary")["answers"] == 2
    assert program.get("/insights/summary", query={"user": member.person_id})["answers"] == 1
    other.said("GET", "/insights/summary", 403, query={"user": owner.person_id})
    assert member.page("/insights").says("quality and speed of your answers")
    assert member.get(f"/insights/answers/{own['id']}").status_code == 200
    assert member.get(f"/insights/answers/{theirs['id']}").status_code == 404
    assert not member.page(f"/insights?user={owner.person_id}").says("By person")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "query",
    [
        {"from": "1999-12-31"},
        {"from": "2020-01-01"},
        {"from": "0001-01-01T00:00:00+14:00"},
        {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"from": "2020-01-01T00:00:00Z"},
        {"user": "nobody"},
    ],
)
def test_a_period_that_is_none_is_refused(program: Client, query: dict[str, str]) -> None:
    program.said("GET", "/insights/summary", 422, query=query)


def test_a_moment_without_a_time_zone_is_in_utc(program: Client) -> None:
    day = (utc_now() - timedelta(days=3)).date().isoformat()
    for since in (day, f"{day}T00:00:00", f"{day}T00:00:00Z"):
        assert program.get("/insights/summary", query={"from": since})["from"] == f"{day}T00:00:00Z"


def test_what_nobody_asked_for_does_not_count(made: Made, program: Client) -> None:
    made(kind="title")
    made(kind="imported")
    made(status="running", first_text_at=None, ended_at=None)
    assert program.get("/insights/summary")["answers"] == 0
    assert program.get("/insights/summary", query={"kind": "title"})["answers"] == 1
    nothing = program.get("/insights/summary")
    assert (nothing["success_rate"], nothing["cost"], nothing["ttft_avg_ms"]) == (None, None, None)


@pytest.mark.slow
def test_every_tile_leads_to_its_list_and_every_answer_to_its_time_line(made: Made, owner: Browser) -> None:
    made(3, cost="0.25")
    made(
        status="failed",
        reason="error",
        error="The server said no.",
        first_text_at=None,
        notices=[{"code": "x", "message": "Tried twice."}],
    )
    page = owner.page("/insights")
    tiles = [" ".join(tile.text(separator=" ").split()) for tile in page.all(".tile")]
    assert tiles[:3] == [
        "Answers 4",
        "Success 75 % 1 failed",
        "First text, average 200 ms half within 200 ms, 95 % within 200 ms",
    ]
    assert tiles[5] == "Cost $0.7500 where the price is known"
    links = [str(tile.attributes["href"]) for tile in page.all(".tile")]
    assert [len(owner.page(link).all("tbody tr")) for link in links] == [4, 1, 4, 4, 0, 4]
    (failed,) = owner.page(links[1]).all("tbody a")
    line = owner.page(str(failed.attributes["href"]))
    assert line.says("The server said no.")
    assert line.says("Tried twice.")
    narrower = owner.page(str(page.all("section[aria-labelledby=by-model] tbody a")[0].attributes["href"]))
    assert narrower.says("Only some answers are counted.")
    for period in ("24h", "30d", "nonsense"):
        assert owner.page(f"/insights?period={period}").all(".tile")


def test_figures_are_exported_as_they_are_selected(made: Made, owner: Browser, member: Browser) -> None:
    made(3, cost="0.25", model_asked="a")
    made(2, status="failed", model_asked="b")

    def cells(browser: Browser, query: str) -> list[list[str]]:
        head, *rows = browser.get(f"/insights/export.csv?period=24h{query}").text.lstrip("\ufeff").splitlines()
        assert head.startswith("from (UTC),answers,success_rate,error_rate,")
        return [busy for row in rows if (busy := row.split(","))[1] != "0"]

    ((_, answers, success, errors, *_),) = cells(owner, "")
    assert (answers, success, errors) == ("5", "0.6", "0.4")
    ((_, answers, *others),) = cells(owner, "&model=a")
    assert (answers, others[-2]) == ("3", "0.75")
    assert cells(member, "") == []


@also_on_postgres
def test_an_answer_that_a_restart_cut_and_another_continues_is_no_failure(made: Made, program: Client) -> None:
    made(2)
    cut, left, failed = made(2, status="interrupted", reason="server_restart") + made(status="failed", reason="error")
    for earlier in (cut, failed):
        made(continues_id=earlier["id"])

    assert program.get("/insights/summary")["success_rate"] == pytest.approx(5 / 7)
    broken = program.get("/insights/answers", query={"outcome": "broken"})["answers"]
    assert {answer["id"] for answer in broken} == {left["id"], failed["id"]}


@pytest.mark.slow
def test_slices_lose_and_repeat_nothing(made: Made, program: Client) -> None:
    made(2_500, created_at=utc_now() - timedelta(hours=2))
    made(7)
    assert program.get("/insights/summary")["answers"] == 2_507


@pytest.mark.slow
def test_whoever_looks_for_what_is_seldom_holds_up_nobody(app: Flask, made: Made, program: Client, owner: Browser) -> None:
    made(5_000)
    with steps_on_the_loop(app) as steps:
        assert program.get("/insights/answers", query={"outcome": "broken"})["answers"] == []
        assert not owner.page("/insights/answers?outcome=broken").all("tbody a")
    # A scan of all answers takes a dozen steps for each.
    assert steps.count < 5_000


@also_on_postgres
def test_a_page_of_answers_is_bounded_by_its_moments(made: Made, program: Client) -> None:
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    rows = [made(created_at=noon + timedelta(minutes=minutes))[0] for minutes in range(4)]
    between = {"from": "2026-01-05T12:01:00Z", "to": "2026-01-05T12:03:00Z", "kind": "chat", "model": "a"}
    found = program.get("/insights/answers", query=between)["answers"]
    assert [answer["id"] for answer in found] == [rows[2]["id"], rows[1]["id"]]


@pytest.mark.slow
def test_a_model_is_one_row_however_its_server_calls_it(made: Made, owner: Browser, fake: Fake) -> None:
    fake.always({"json": {"data": [{"id": "rye", "name": "Rye"}]}}, at="/models")
    path = owner.submit("/admin/connections/new", name="Local", kind="openai", base_url=fake.base_url).path
    owner.post(f"{path}/test")
    made(2, model_asked="local:rye", model_used="rye")
    made(model_asked="local:rye", status="failed", first_text_at=None)
    page = owner.page("/insights")
    rows = page.all("section[aria-labelledby=by-model] tbody tr")
    assert [row.text(separator=" ", strip=True).split()[:2] for row in rows] == [["Rye", "3"]]
    narrower = owner.page(str(page.all("section[aria-labelledby=by-model] tbody a")[0].attributes["href"]))
    assert narrower.all(".tile__value")[0].text() == "3"
