"""The stream of a plan's page: from any position to the same HTML, and nothing of other plans."""

import re
import time
from collections import Counter
from typing import Any

import pytest
from flask import Flask, template_rendered

from tests.plans.halting import BEGINNING, RISKS, WEEK_2, WEEK_3, WEEK_4, halting
from tests.support.browser import Browser
from tests.support.turns import nobody_waits
from webapp.base.db import db, utc_now
from webapp.engine.engine import ENGINE
from webapp.engine.watching.lane_feed import LanePosition
from webapp.engine.watching.lists import ListFeed, live_list
from webapp.engine.watching.watchers import Context
from webapp.models.connections.providers import PROVIDERS, Providers
from webapp.models.providers.demo import DemoProvider
from webapp.models.upstream import Upstream
from webapp.plans.pages import shown
from webapp.plans.pages.feed import PlanFeed, Writing
from webapp.plans.tables import Plan
from webapp.plans.types.schema import MOST_ITEMS
from webapp.plans.writing.projection import PlanPace, PlanProjection
from webapp.streaming.events import Delta
from webapp.streaming.topics import Entry

PARTS = re.compile(r'hx-target="([^"]+)" hx-swap="(\w+)"')


@pytest.fixture
def app(app: Flask) -> Flask:
    PROVIDERS.set(Providers(DemoProvider(pace=0), Upstream()), app)
    return app


def begin(browser: Browser) -> str:
    return browser.submit("/plans/new?type=monthly", goals="Finish the shelf").path


def context_of(app: Flask, browser: Browser) -> Context:
    return lambda: app.test_request_context("/", headers={"Cookie": f"millrace={browser.cookie('millrace')}"})


def position_on(browser: Browser, path: str) -> str:
    page = browser.page(path)
    found = re.search(r"at=([^\"]+)", page.one("#plan-feed").attributes["hx-sse:connect"] or "")
    assert found
    return found[1]


def heard(feed: PlanFeed | ListFeed, app: Flask) -> list[tuple[str, str]]:
    frames = feed.last_news()
    return [(found[1], found[2]) for frame in frames for found in PARTS.finditer(frame.data)]


def feed_of(app: Flask, browser: Browser, path: str, at: str) -> PlanFeed:
    engine, id = ENGINE.of(app), path.rpartition("/")[2]
    feed = PlanFeed(engine, id, "", LanePosition.parse(at), context_of(app, browser))
    feed.listen(engine.signal())
    return feed


@pytest.mark.slow
def test_a_page_hears_only_what_it_lacks(app: Flask, member: Browser) -> None:
    summary = ("hours", "each")
    demo = halting(app, BEGINNING, *summary, WEEK_2, WEEK_3, WEEK_4, RISKS)
    path = begin(member)
    feed = feed_of(app, member, path, position_on(member, path))
    parts: list[tuple[str, str]] = []
    for target in ("#plan-title", "#part-monthly_summary-text", *(f"#part-weeks-{number}" for number in range(4))):
        demo.go_on()
        member.wait_for(path, lambda _, target=target: parts.extend(heard(feed, app)) or target in dict(parts))
    demo.go_on()
    member.wait_for(path, lambda page: parts.extend(heard(feed, app)) or 'data-status="completed"' in page.text)
    parts.extend(heard(feed, app))
    feed.close()
    targets = [target for target, _ in parts]
    assert [target for target in targets if target.startswith("#part-weeks-")] == [f"#part-weeks-{number}" for number in range(4)]
    assert ("#part-monthly_summary-text", "beforeend") in parts
    assert ("#plan", "outerMorph") in parts
    assert heard(feed, app) == []


@pytest.mark.slow
@pytest.mark.parametrize("at", ["", "nonsense", "x.1-2..", "{epoch}.999999-0..", "{epoch}.0-0.{other}.1-1-1-1-1"])
def test_an_unknown_position_gets_the_whole_plan(app: Flask, member: Browser, at: str) -> None:
    path, other = begin(member), begin(member)
    for url in (path, other):
        member.wait_for(url, lambda page: 'data-status="completed"' in page.text)
    engine = ENGINE.of(app)
    at = at.format(epoch=engine.logs.topics.epoch, other=other.rpartition("/")[2])
    feed = feed_of(app, member, path, at)
    first = heard(feed, app) + heard(feed, app)
    assert ("#plan", "outerMorph") in first
    assert str(LanePosition.parse(feed.position())) == feed.position()
    assert heard(feed, app) == []


@pytest.mark.slow
def test_the_list_hears_how_far_each_plan_is(app: Flask, member: Browser) -> None:
    demo = halting(app, BEGINNING, WEEK_3)
    paths = [begin(member) for _ in range(2)]
    ids = [path.rpartition("/")[2] for path in paths]
    with app.app_context():
        owner_id, plans = db.session.get_one(Plan, ids[0]).owner_id, live_list("plans")
    assert plans
    feed = ListFeed(ENGINE.of(app), plans, owner_id, "", context_of(app, member))
    feed.listen(ENGINE.of(app).signal())
    parts: list[tuple[str, str]] = []
    demo.go_on()
    rows = {f"#row-{id}" for id in ids}
    member.wait_for("/plans", lambda _: parts.extend(heard(feed, app)) or rows <= {target for target, _ in parts})
    demo.go_on()
    for path in paths:
        member.wait_for(path, lambda page: parts.extend(heard(feed, app)) or 'data-status="completed"' in page.text)
    feed.close()
    assert ("#plans", "outerMorph") in parts


@pytest.mark.slow
@pytest.mark.parametrize("watchers", [1, 20])
def test_what_is_new_is_drawn_once_for_all_who_watch(app: Flask, member: Browser, watchers: int) -> None:
    counts: Counter[str] = Counter()

    def count(_app: Flask, template: Any, **_: object) -> None:
        counts[template.name] += 1

    demo = halting(app, BEGINNING, WEEK_2, WEEK_3, WEEK_4, RISKS)
    path = begin(member)
    at = position_on(member, path)
    feeds = [feed_of(app, member, path, at) for _ in range(watchers)]
    with template_rendered.connected_to(count, app):
        for _ in range(4):
            demo.go_on()
            parts: list[tuple[str, str]] = []
            member.wait_for(path, lambda _, parts=parts: [parts.extend(heard(feed, app)) for feed in feeds] and parts)
        demo.go_on()
        member.wait_for(path, lambda page: [heard(feed, app) for feed in feeds] and 'data-status="completed"' in page.text)
        for feed in feeds:
            heard(feed, app)
    for feed in feeds:
        feed.close()

    # Each of the four weeks once, and the whole plan at the beginning and at the end.
    assert counts["plans/_card.html"] <= 4
    assert counts["plans/_plan.html"] <= 3


@pytest.mark.slow
def test_no_item_is_looked_at_again_however_many_are_there() -> None:
    items = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    schema = {"properties": {"weeks": {"type": "array", "items": items}}}
    projection = PlanProjection(schema, {}, [])
    seconds: list[float] = []
    for start in range(0, 480, 120):
        began = time.process_time()
        for seq in range(start, start + 120):
            list(projection.fold(Entry(seq, Delta(('{"weeks": [' if not seq else ",") + '{"n": 1}'))))
            notes, _ = projection.since((seq, 0, 0, 0, 0))
            assert [note.data for note in notes] == [f"weeks.{seq}"]
            assert shown.progress({"plan": schema}, projection).done == seq + 1
        seconds.append(time.process_time() - began)
    assert seconds[-1] < 3 * seconds[0] + 0.5


@pytest.mark.slow
@pytest.mark.parametrize("view", ["table", "timeline"])
def test_hundreds_of_rows_that_come_at_once_hold_nobody_up(app: Flask, member: Browser, view: str) -> None:
    row = {"type": "object", "required": ["n"], "properties": {"n": {"type": "string"}}}
    plan = {"type": "object", "properties": {"rows": {"type": "array", "x-view": view, "items": row}}}
    projection, writing = (
        PlanProjection(plan, {}, []),
        Writing("p", {"plan": plan, "title": "Rows"}, {}, utc_now(), PlanPace(0, 0.0, None)),
    )
    said = '{"rows":[' + ",".join('{"n":"Some words of it"}' for _ in range(5_000)) + "]}"
    with nobody_waits():
        list(projection.fold(Entry(1, Delta(said))))
        notes, _ = projection.since((0, 0, 0, 0, 0))
    feed = PlanFeed(ENGINE.of(app), "p", "", None, context_of(app, member))

    with nobody_waits():
        html = feed._parts(writing, projection, notes)

    assert "Some words of it" in html
    assert html.count("Some words of it") <= MOST_ITEMS + 1
