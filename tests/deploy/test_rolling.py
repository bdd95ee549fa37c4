"""Two servers behind a proxy that restart one after the other: no one loses a message, a file or any text."""

import re
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import gevent
import pytest

from tests.conftest import KEYS
from tests.deploy import proxies
from tests.engine.bench import counted
from tests.support import redis_server
from tests.support.person import Answer, Person
from tests.support.ports import free_port
from tests.support.server import Server, prepared
from tests.support.tab import Tab
from tests.support.waiting import until

pytestmark = pytest.mark.slow
CHATS, TOKENS = 4, 1_500
WORDS = counted(TOKENS)
WRITERS = 6


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


class Writer:
    """Someone who begins chats on pages and by the API and uploads files, one after the other, and sends nothing twice."""

    def __init__(self, person: Person) -> None:
        self.person, self.texts, self.files, self.refused = person, list[str](), list[str](), list[str]()
        self.is_enough = False
        self.greenlet = gevent.spawn(self._write)

    @property
    def sent(self) -> int:
        return len(self.texts) + len(self.files) + len(self.refused)

    def _write(self) -> None:
        for send in cycle((self._on_a_page, self._by_the_api, self._a_file)):
            if self.is_enough:
                return
            word = uuid.uuid4().hex
            try:
                send(word)
            except (OSError, AssertionError) as error:
                self.refused.append(f"{send.__name__}: {error}"[:300])

    def _on_a_page(self, word: str) -> None:
        self.person.begin(word)
        self.texts.append(word)

    def _by_the_api(self, word: str) -> None:
        self.person.send("/chats", message=word)
        self.texts.append(word)

    def _a_file(self, word: str) -> None:
        uploaded = self.person.upload("/files", word.encode(), f"{word}.txt")
        assert uploaded.status == 200, uploaded.text
        self.files.append(f"{word}.txt")


@pytest.fixture(scope="module")
def servers(postgres_server, migrated_database, fake_process, tmp_path_factory) -> Iterator[tuple[Server, Server]]:
    name, folder = postgres_server.new_database(like=migrated_database), tmp_path_factory.mktemp("rolling")
    with redis_server.running_server(free_port()) as redis:
        urls = {"DATABASE_URL": postgres_server.url(name), "REDIS_URL": redis.url, "FILES_DIR": str(folder / "files")}
        shared = {**KEYS, **fake_process.environ, **urls, "TRUSTED_PROXIES": "127.0.0.1"}
        with prepared(folder / "one", **shared) as one, prepared(folder / "other", beside=one, **shared) as other:
            # Before they start: a running server applies settings within a second.
            one.lift_limits()
            one.set(**{"models.titles": "off"})
            for server in (one, other):
                server.start()
            Person(one.url).become_owner(one.owner_link)
            yield one, other
    postgres_server.drop(name)


@contextmanager
def behind_nginx(servers: tuple[Server, Server], folder: Path) -> Iterator[Person]:
    """Yields the owner, signed in behind nginx; without TLS, which changes nothing between it and the servers."""
    port, (one, other) = free_port(), servers
    words = {
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl http2;\n": "",
        "listen 80;": f"listen {free_port()};",
        "listen 443 ssl http2;": f"listen {port};",
        "    ssl_certificate     /etc/letsencrypt/live/chat.example.org/fullchain.pem;\n": "",
        "    ssl_certificate_key /etc/letsencrypt/live/chat.example.org/privkey.pem;\n": "",
        "127.0.0.1:8001": f"127.0.0.1:{one.port}",
        "127.0.0.1:8002": f"127.0.0.1:{other.port}",
    }
    with proxies.running(proxies.nginx(folder, proxies.replaced("nginx.team.conf", words)), folder):
        proxies.listens(port)
        yield Person(f"http://127.0.0.1:{port}").sign_in("owner@example.org")


@contextmanager
def behind_caddy(servers: tuple[Server, Server], folder: Path) -> Iterator[Person]:
    port, (one, other) = free_port(), servers
    words = {
        "{$SITE} {": f"http://127.0.0.1:{port} {{",
        "millrace-1:8000 millrace-2:8000": f"127.0.0.1:{one.port} 127.0.0.1:{other.port}",
    }
    with proxies.running(proxies.caddy(folder, proxies.replaced("Caddyfile.team", words)), folder):
        proxies.listens(port)
        yield Person(f"http://127.0.0.1:{port}").sign_in("owner@example.org")


def restart(servers: tuple[Server, Server]) -> None:
    for server in servers:
        server.terminate()
        server.start()


def stored_once(one: Server, writers: list[Writer]) -> None:
    """Everything that was sent was answered, and is there once, also what no one was told of."""
    assert not [refusal for writer in writers for refusal in writer.refused]
    texts = Counter(content for (content,) in one.rows("SELECT content FROM messages WHERE role = 'user'"))
    assert texts == Counter(text for writer in writers for text in writer.texts)
    files = Counter(name for (name,) in one.rows("SELECT name FROM files"))
    assert files == Counter(name for writer in writers for name in writer.files)


@contextmanager
def writing(person: Person) -> Iterator[list[Writer]]:
    writers = [Writer(person) for _ in range(WRITERS)]
    try:
        yield writers
    finally:
        for writer in writers:
            writer.is_enough = True
        gevent.joinall([writer.greenlet for writer in writers], timeout=120)


@pytest.mark.mostly_deep
@pytest.mark.parametrize("behind", [behind_nginx, behind_caddy])
def test_what_is_sent_during_a_rolling_restart_is_stored_once(behind, servers, fake, tmp_path):
    if behind is behind_nginx and not proxies.nginx_program():
        # There is no nginx for this machine: test_files.py checks its configuration.
        return
    send_during_restarts(behind, servers, fake, tmp_path, at_least=100)


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("behind", [behind_nginx, behind_caddy])
def test_five_thousand_requests_are_stored_once(behind, servers, fake, tmp_path):
    send_during_restarts(behind, servers, fake, tmp_path, at_least=5_000)


def send_during_restarts(behind, servers: tuple[Server, Server], fake, folder: Path, *, at_least: int) -> None:
    fake.says("Yes.")
    servers[0].change("DELETE FROM chats")
    servers[0].change("DELETE FROM files")
    with behind(servers, folder) as person:
        with writing(person) as writers:
            restart(servers)
            while (sent := sum(writer.sent for writer in writers)) < at_least:
                print(f"{sent} sent, {sum(len(writer.refused) for writer in writers)} refused", flush=True)
                restart(servers)
        stored_once(servers[0], writers)


@pytest.mark.deep
@pytest.mark.parametrize("behind", [behind_caddy])
def test_a_rolling_restart_under_load_is_noticed_as_a_reconnect_at_most(behind, servers, fake, tmp_path):
    with behind(servers, tmp_path) as person:
        fake.counts(TOKENS, pace=0.01)
        readers = [Reader(person, person.begin("Count")) for _ in range(CHATS)]
        until(lambda: all("w000050" in reader.seen() for reader in readers), "all are being written and read")
        assert servers[0].running() == CHATS
        restart(servers)
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
