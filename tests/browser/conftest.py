"""A Chromium, servers to visit with it, and users whose browsers record anything that a page must not do."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Route, expect, sync_playwright

from tests.browser.chats import EMAIL, Person
from tests.browser.chromium import ARGUMENTS, FAR_NAME, executable
from tests.browser.modules import missing_in
from tests.support.inserted import PASSWORD, add_member
from tests.support.server import Server, prepared
from tests.upstream.handle import Upstream
from webapp.web.assets import LATER

Visit = Callable[..., Person]
COSTS_NOTHING = {"json": {"data": {"id": "gen-1"}}}
WITHOUT_SCRIPTS = "WITHOUT_SCRIPTS" in os.environ
# Long, as other tests share the machine; short where a script was removed, because the expected change never comes.
EXPECT_MS = 4_000 if WITHOUT_SCRIPTS else 60_000
expect.set_options(timeout=EXPECT_MS)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def upstream_process() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture
def upstream(upstream_process: Upstream) -> Upstream:
    upstream_process.reset()
    # An answer's cost is requested a second after its end, and a cost would make pages update at that moment.
    upstream_process.always(COSTS_NOTHING, at="/generation")
    return upstream_process


@pytest.fixture(scope="session")
def cookies() -> dict[str, list[Any]]:
    """The owners' session cookies, by the address of their server."""
    return {}


@pytest.fixture(scope="session")
def shared(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("shared"), upstream_process, demo__fallback="always") as server:
        yield server


@pytest.fixture
def server(shared: Server, upstream: Upstream) -> Server:
    """A running server that other tests share; its model is the scripted upstream."""
    return shared


@pytest.fixture
def own_server(upstream: Upstream, tmp_path: Path) -> Iterator[Server]:
    """A server for one test, not started yet: the test can configure, restart and kill it."""
    with made(tmp_path, upstream) as server:
        yield server


@pytest.fixture
def visit(chromium: Browser, cookies: dict[str, list[Any]], request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A function that opens a separate browser for the owner, a new member or a visitor; no page may do what is forbidden."""
    people: list[Person] = []

    def bring(server: Server, *, is_signed_in: bool = True, is_new: bool = False, is_far: bool = False, **options: Any) -> Person:
        if WITHOUT_SCRIPTS and "sw" in missing_in(request.node.nodeid):
            options["service_workers"] = "block"
        person = Person(chromium, server.url, **options)
        people.append(person)
        person.context.set_default_timeout(EXPECT_MS)
        if WITHOUT_SCRIPTS:
            for script in missing_in(request.node.nodeid):
                if script in LATER:
                    person.context.route("**/js/later.*", partial(empty_part, script))
                person.context.route(re.compile(rf"/static/js/([\w-]+\+)*{script}(\+[\w-]+)*\.js"), partial(leave_out, script))
        if is_new:
            sign_in_anew(person, server)
        elif is_signed_in and server.url in cookies:
            person.context.add_cookies(cookies[server.url])
        elif is_signed_in:
            become_owner(person, server)
            cookies[server.url] = list(person.context.cookies())
        if is_far:
            person.go_far(FAR_NAME)
        return person

    yield bring
    for person in people:
        person.leave()
    assert [oddity for person in people for oddity in person.oddities] == []


@pytest.fixture(params=[True, False], ids=["far", "near"])
def visit_anywhere(visit: Visit, request: pytest.FixtureRequest) -> Visit:
    """Opens the server on this machine, and as a browser elsewhere in the network does: by plain HTTP, with another name."""
    return partial(visit, is_far=request.param)


def become_owner(person: Person, server: Server) -> None:
    """Follows the set-up link and sends its form, without a page in the browser: `test_signing_in.py` fills that in."""
    # A server reads templates as it first needs them: those of the next page, too, would hold up its loop for longer.
    assert person.context.request.get(server.owner_link).ok
    (token,) = parse_qs(urlsplit(server.owner_link).query)["token"]
    form, headers = {"token": token, "email": EMAIL, "name": "Ada", "password": PASSWORD}, {"Origin": server.url}
    assert person.context.request.post("/setup", form=form, headers=headers, max_redirects=0).status == 303


def sign_in_anew(person: Person, server: Server) -> None:
    """Signs in to an account of its own, for what a person sets: a server of its own would cost as much as ten tests."""
    email = f"{uuid4()}@example.org"
    add_member(server, email)
    form, headers = {"email": email, "password": PASSWORD}, {"Origin": server.url}
    assert person.context.request.post("/login", form=form, headers=headers, max_redirects=0).status == 303


def leave_out(script: str, route: Route) -> None:
    """Answers with the other scripts that were joined with this one."""
    start, _, end = route.request.url.partition("/static/js/")
    names, _, rest = end.partition(".js")
    others = "+".join(name for name in names.split("+") if name != script)
    if others:
        route.continue_(url=f"{start}/static/js/{others}.js{rest}")
    else:
        route.abort()


def empty_part(script: str, route: Route) -> None:
    """Answers with the parts that pages load later, of which this one does nothing."""
    response = route.fetch()
    name = f'"{script}"(){{'
    route.fulfill(response=response, body=response.text().replace(name, f'{name}}},"without {script}"(){{', 1))


@contextmanager
def running(folder: Path, upstream: Upstream, **settings: str) -> Iterator[Server]:
    """Yields a running server with these settings and without limits, which the tests of a module share."""
    with made(folder, upstream) as server:
        server.lift_limits()
        server.set(**settings)
        server.start()
        yield server


def made(folder: Path, upstream: Upstream) -> AbstractContextManager[Server]:
    return prepared(
        folder,
        OPENROUTER_API_KEY="sk-or-v1-0123456789abcdef",
        OPENROUTER_BASE_URL=upstream.base_url,
        OPENROUTER_MODEL="fake/plain",
        ALLOWED_HOSTS=FAR_NAME,
    )
