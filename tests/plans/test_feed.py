"""The stream of a plan's page: from any position to the same picture, and nothing of other plans."""

import re

import pytest
from flask import Flask

from tests.support.browser import Browser
from webapp.extensions import db
from webapp.generations.models import Providers
from webapp.plans.feed import PlanFeed, Position
from webapp.plans.list_feed import PlansFeed
from webapp.plans.tables import Plan
from webapp.providers.demo import DemoProvider
from webapp.upstream import Upstream
from webapp.web.watchers import Context

PARTS = re.compile(r'hx-target="([^"]+)" hx-swap="(\w+)"')


@pytest.fixture
def app(app: Flask) -> Flask:
    app.extensions["providers"] = Providers(app.extensions["config"], DemoProvider(pace=0.002), Upstream())
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


def heard(feed: PlanFeed | PlansFeed, app: Flask) -> list[tuple[str, str]]:
    frames = feed.last_news()
    return [(found[1], found[2]) for frame in frames for found in PARTS.finditer(frame.data)]


def feed_of(app: Flask, browser: Browser, path: str, at: str) -> PlanFeed:
    engine, id = app.extensions["engine"], path.rpartition("/")[2]
    feed = PlanFeed(engine, id, "", Position.parse(at), context_of(app, browser))
    feed.listen(engine.signal())
    return feed


@pytest.mark.slow
def test_a_page_hears_only_what_it_lacks(app: Flask, member: Browser) -> None:
    path = begin(member)
    feed = feed_of(app, member, path, position_on(member, path))
    parts: list[tuple[str, str]] = []
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
    for each in (path, other):
        member.wait_for(each, lambda page: 'data-status="completed"' in page.text)
    engine = app.extensions["engine"]
    at = at.format(epoch=engine.topics.epoch, other=other.rpartition("/")[2])
    feed = feed_of(app, member, path, at)
    first = heard(feed, app) + heard(feed, app)
    assert ("#plan", "outerMorph") in first
    assert str(Position.parse(feed.position())) == feed.position()
    assert heard(feed, app) == []


@pytest.mark.slow
def test_the_list_hears_how_far_each_plan_is(app: Flask, member: Browser) -> None:
    paths = [begin(member) for _ in range(2)]
    ids = [path.rpartition("/")[2] for path in paths]
    with app.app_context():
        owner_id = db.session.get_one(Plan, ids[0]).owner_id
    feed = PlansFeed(app.extensions["engine"], owner_id, "", context_of(app, member))
    feed.listen(app.extensions["engine"].signal())
    parts: list[tuple[str, str]] = []
    for path in paths:
        member.wait_for(path, lambda page: parts.extend(heard(feed, app)) or 'data-status="completed"' in page.text)
    feed.close()
    assert ("#plans", "outerMorph") in parts
    assert {f"#row-{id}" for id in ids} <= {target for target, _ in parts}
