"""A rolling restart of two servers behind a proxy while answers are written: no one loses any text."""

import re
from collections import Counter

import gevent
import pytest

from tests.conftest import KEYS
from tests.deploy import proxies
from tests.engine.bench import counted
from tests.support import redis_server
from tests.support.person import Answer, Person
from tests.support.ports import free_port
from tests.support.server import prepared
from tests.support.tab import Tab
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.deep]
CHATS, TOKENS = 4, 1_500
WORDS = counted(TOKENS)


class Reader:
    """A page of a chat that reconnects whenever its stream ends, as browsers do."""

    def __init__(self, person: Person, path: str) -> None:
        self.person, self.path, self.tabs, self._loaded = person, path, list[Tab](), set[str]()
        self._greenlet = gevent.spawn(self._read)

    def seen(self) -> set[str]:
        """Returns the words that the page had when it was loaded, or received later."""
        return self._loaded.union(*(tab.first_seen() for tab in self.tabs))

    @property
    def is_reading(self) -> bool:
        return not self._greenlet.ready()

    def close(self) -> None:
        self._greenlet.kill()
        for tab in self.tabs:
            tab.close()

    def _read(self) -> None:
        while True:
            # The page itself is also reloaded all the time, and must be served each time.
            page = self.person.page(self.path)
            # A proxy keeps the connection open after a stream has ended.
            if not self.tabs or self.tabs[-1].is_over or self.tabs[-1].raw.endswith(b"\r\n0\r\n\r\n"):
                self._loaded |= set(re.findall(r"w\d{6}", page.text))
                self.tabs.append(Tab(self.person, Answer(page).events_url).read())
            gevent.sleep(0.3)


def test_a_rolling_restart_under_load_is_noticed_as_a_reconnect_at_most(postgres_server, migrated_database, fake, tmp_path):
    name = postgres_server.new_database(like=migrated_database)
    with redis_server.running_server(free_port()) as redis:
        urls = {"DATABASE_URL": postgres_server.url(name), "REDIS_URL": redis.url}
        shared = {**KEYS, **fake.environ, **urls, "FILES_DIR": str(tmp_path / "files")}
        with prepared(tmp_path / "one", **shared) as one, prepared(tmp_path / "other", beside=one, **shared) as other:
            # Before they start: a running server applies settings within a second.
            one.lift_limits()
            one.set(**{"models.titles": "off"})
            for server in (one, other):
                server.start()
            Person(one.url).become_owner(one.owner_link)
            roll(fake, one, other, tmp_path)
    postgres_server.drop(name)


def roll(fake, one, other, folder) -> None:
    port = free_port()
    words = {
        "{$SITE} {": f"http://127.0.0.1:{port} {{",
        "millrace-1:8000 millrace-2:8000": f"127.0.0.1:{one.port} 127.0.0.1:{other.port}",
    }
    with proxies.running(proxies.caddy(folder, proxies.replaced("Caddyfile.team", words)), folder):
        proxies.listens(port)
        person = Person(f"http://127.0.0.1:{port}").sign_in("owner@example.org")
        fake.counts(TOKENS, pace=0.01)
        readers = [Reader(person, person.begin("Count")) for _ in range(CHATS)]
        until(lambda: all("w000050" in reader.seen() for reader in readers), "all are being written and read")
        assert one.running() == CHATS
        for server in (one, other):
            server.terminate()
            server.start()
        try:
            nothing_is_lost(person, readers)
        finally:
            for reader in readers:
                reader.close()


def nothing_is_lost(person: Person, readers: list[Reader]) -> None:
    paths = [reader.path for reader in readers]
    until(lambda: all(person.last_answer(path).status == "completed" for path in paths), "all are complete", seconds=180)
    until(lambda: all(set(WORDS) <= reader.seen() for reader in readers), "and every page has seen them", seconds=180)
    for reader in readers:
        said = person.raw(person.last_answer(reader.path).id)
        assert Counter(re.findall(r"w\d{6}", said)) == Counter(WORDS)
        assert reader.is_reading, "a page was not there"
