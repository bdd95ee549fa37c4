"""What visitors without an account could abuse: models, slots, other people's chats, and disabled features."""

import gevent
import pytest

from tests.attacks.conftest import set_to
from tests.chat.conftest import ended, ended_with, statuses
from tests.support.browser import Browser
from webapp.base.db import db
from webapp.engine.state.circuit import FAILURES
from webapp.engine.tables import Generation
from webapp.models.connections.providers import PROVIDERS, Providers
from webapp.models.providers.demo import DemoProvider
from webapp.models.upstream import Upstream


@pytest.fixture
def chat(visitor):
    visitor.submit("/ai-demo", message="What is this?")
    return visitor.wait_for("/ai-demo", ended)


def send_url(page) -> str:
    return str(page.one("#composer").attributes["action"])


@pytest.mark.slow
@pytest.mark.parametrize("model", ["some/model", "demo/long", "some/other"])
def test_they_choose_no_model_however_they_ask(app, visitor, chat, fake, model):
    visitor.post(chat.action("Try again"), model=model)
    page = visitor.wait_for("/ai-demo", ended)
    visitor.post(send_url(page), message="More", model=model)
    visitor.wait_for("/ai-demo", ended_with(4))

    assert fake.posts() == []
    with app.app_context():
        assert set(db.session.scalars(db.select(Generation.model_asked))) == {"demo/quick"}


def test_no_model_that_costs_something_stands_in_for_theirs(app, engine, visitor, fake):
    set_to(app, models__fallbacks="some/model")
    for _ in range(FAILURES):
        engine.circuits.failed("demo/quick", "error")
    visitor.submit("/ai-demo", message="What is this?")

    assert statuses(visitor.wait_for("/ai-demo", ended))[-1] == "failed"
    assert fake.posts() == []


@pytest.mark.slow
def test_switched_off_is_switched_off_for_those_who_are_inside_too(app, visitor, chat):
    set_to(app, demo__visitors="false")

    for path in (send_url(chat), chat.action("Try again")):
        assert visitor.post(path, message="More").location == "/login"
    assert visitor.get(send_url(chat).removesuffix("/messages")).location.startswith("/login")


def test_starting_over_while_an_answer_is_written_leaves_nothing_behind(visitor, engine):
    visitor.post("/ai-demo", message="What is this?")
    assert engine.live

    visitor.post("/ai-demo/leave")

    with gevent.Timeout(30, AssertionError("it is never let go")):
        while engine.live:
            gevent.sleep(0.02)


@pytest.mark.slow
def test_with_https_their_cookie_is_this_hosts_alone(make_app):
    browser = Browser(make_app(PUBLIC_URL="https://chat.example.org"), origin="https://chat.example.org")
    browser.client.set_cookie("millrace-visitor", "planted-by-a-neighbour", domain="chat.example.org", secure=True)

    cookies = browser.post("/ai-demo", message="Hello").headers.getlist("Set-Cookie")

    given = next(cooky for cooky in cookies if "millrace-visitor" in cooky)
    assert given.startswith("__Host-millrace-visitor=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"} <= set(given.split("; "))
    assert "Domain" not in given


@pytest.mark.slow
def test_all_of_them_together_have_only_so_many_places(app, engine):
    crowd = [Browser(app) for _ in range(25)]
    for visitor in crowd:
        visitor.submit("/ai-demo", message="What is this?")
        visitor.wait_for("/ai-demo", ended)
    urls = [send_url(visitor.page("/ai-demo")) for visitor in crowd]
    # So slow that no answer ends, and frees its slot, before the last request.
    PROVIDERS.set(Providers(DemoProvider(pace=60), Upstream()), app)

    answers = [visitor.post(url, message="More") for visitor, url in zip(crowd, urls, strict=True)]

    assert {answer.status_code for answer in answers[:20]} == {303}
    assert answers[-1].status_code == 429
