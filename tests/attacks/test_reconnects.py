"""All clients reconnect simultaneously, as after a restart: all are soon admitted, and no running answer is delayed.

In `make deep` there are up to a thousand of them; `PAGES` in the environment sets their number.
"""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support import standstill
from tests.support.bystander import bystander
from tests.support.person import Person
from tests.support.rounds import ROUNDS
from tests.support.server import Server, prepared
from tests.support.tab import Tab
from tests.support.waiting import until
from tests.upstream.handle import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.rounds, pytest.mark.timeout(240)]
PAGES, SECONDS = int(os.environ.get("PAGES", min(100 * ROUNDS, 1_000))), 10
TURNS = 12
TEXT = "Some *words* and `code`, and [a link](https://example.org).\n\n- one\n- two\n\n" * 12


@pytest.fixture(scope="module")
def server(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prepared(tmp_path_factory.mktemp("reconnects"), **fake_process.environ) as server:
        server.lift_limits()
        server.start()
        yield server


@pytest.fixture
def events_url(server: Server, fake: Upstream) -> Callable[[Person], str]:
    """A function that creates a chat of some length and returns its event stream, with the page's position."""

    def made(owner: Person) -> str:
        fake.says(TEXT)
        path = owner.begin("Hello")
        for turn in range(TURNS):
            until(lambda: owner.last_answer(path).status == "completed", "it is answered")
            if turn:
                assert owner.post(f"{path}/messages", message=f"Turn {turn}").status == 303
        until(lambda: owner.last_answer(path).status == "completed", "it is answered")
        page = owner.page(path).tree
        return str(page.css_first("#thread").attributes["hx-sse:connect"])

    return made


def test_pages_that_come_back_after_a_restart_are_let_in_and_hold_nobody_up(
    server: Server, fake: Upstream, events_url: Callable[[Person], str]
) -> None:
    owner = Person(server.url).become_owner(server.owner_link)
    url = events_url(owner)
    server.terminate()
    server.start()

    with bystander(server, fake, person=owner) as beside:
        began = time.monotonic()
        tabs = [Tab(owner, url).read() for _ in range(PAGES)]
        until(lambda: all(b": ping" in tab.raw for tab in tabs), "all heads have come", seconds=60)
        now = time.monotonic()
        heads = now - began - standstill.seconds(began, now) - beside.starved.seconds(began, now)
        until(lambda: all(b"hx-partial" in tab.raw for tab in tabs), "all have their page", seconds=60)
        wholes = time.monotonic() - began
        for tab in tabs:
            tab.close()

    print(f"{PAGES} pages: heads within {heads:.1f} s, pages within {wholes:.1f} s, gap {beside.gap_ms:.0f} ms")
    assert heads < SECONDS
