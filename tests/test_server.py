"""The server as it is deployed: it shuts down cleanly, survives a killed worker, and readers don't slow each other down."""

import errno
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.support.bystander import bystander
from tests.support.person import Person
from tests.support.rounds import ROUNDS
from tests.support.server import Server, prepared
from tests.support.tab import WORD, Tab
from tests.support.waiting import until
from tests.upstream.handle import CHAT, Upstream
from webapp.base.version import VERSION

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CHATS, TABS_PER_CHAT, STOPPED = (20, 10, 40) if ROUNDS > 1 else (8, 4, 40)
# Then gunicorn kills the workers.
GRACE_SECONDS = 10


@pytest.fixture(scope="module")
def server(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prepared(tmp_path_factory.mktemp("server"), **fake_process.environ) as server:
        server.lift_limits()
        server.set(restart__policy="never")
        yield server


@pytest.fixture(scope="module")
def person(server: Server) -> Person:
    server.start()
    return Person(server.url).become_owner(server.owner_link)


@pytest.fixture
def owner(server: Server, person: Person, fake: Upstream) -> Iterator[Person]:
    """The owner of a running server, started again if an earlier test has stopped it."""
    if not server.is_running:
        server.start()
    yield person
    assert "Traceback" not in server.log


@pytest.fixture
def tabs() -> Iterator[Callable[..., Tab]]:
    opened: list[Tab] = []

    def open_tab(person: Person, events_url: str, *, buffer: int = 0) -> Tab:
        opened.append(Tab(person, events_url, buffer=buffer))
        return opened[-1]

    yield open_tab
    for tab in opened:
        tab.close()


def test_the_log_says_what_was_started_and_which_variable_is_mistyped(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text("LOG_FORMAT=json  # for the collector\nMAX_STREAM=7\n")
    with prepared(tmp_path / "data", ENV_FILE=str(tmp_path / "environment")) as server:
        server.start()
        lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    (told,) = [line for line in lines if line["message"] == "worker_started"]
    assert (told["version"], told["database"]) == (VERSION, f"SQLite {tmp_path}/data/millrace.sqlite3")
    assert told["worker"]
    assert "MAX_STREAM is not a variable of Millrace. Did you mean MAX_STREAMS?" in server.log


def events_of(owner: Person, path: str) -> tuple[str, set[str]]:
    """Returns a page's event stream and the words that the page already shows: on a slow machine there are some."""
    answer = owner.last_answer(path)
    return answer.events_url, set(WORD.findall(answer.text))


def all_open(tabs: list[Tab]) -> None:
    until(lambda: all(tab.is_open for tab in tabs), "all streams are open", seconds=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.mostly_deep
def test_it_saves_everything_and_tells_every_reader_before_it_ends(
    server: Server, owner: Person, fake: Upstream, tabs: Callable[..., Tab], number: int
) -> None:
    fake.counts(5000, pace=0.02)
    paths = {f"Chat {place}": owner.begin(f"Chat {place}") for place in range(CHATS)}
    pages = [events_of(owner, path) for path in paths.values()]
    opened = [tabs(owner, url).read() for url, _ in pages for _ in range(TABS_PER_CHAT)]
    all_open(opened)
    until(lambda: all(tab.first_seen() for tab in opened), "all have heard something", seconds=60)

    moment, seconds = server.terminate(number)

    print(f"{seconds:.2f} s from the signal to the end of all processes")
    assert seconds < GRACE_SECONDS
    until(lambda: all(tab.is_over for tab in opened), "all streams are over")
    assert sum(tab.is_clean for tab in opened) == CHATS * TABS_PER_CHAT
    assert sum(b'"status": "interrupted"' in tab.raw for tab in opened) == CHATS * TABS_PER_CHAT
    assert server.running() == 0
    saved, sent = saved_words(server), answers_of(fake)
    for place, (question, path) in enumerate(paths.items()):
        kept, seen = saved[path.removeprefix("/chats/")], opened[place * TABS_PER_CHAT].first_seen()
        # A word in transit is expected to take as long as the slowest before it.
        arrived = moment - 0.05 - lateness(sent[question], seen)
        assert {token.strip() for token, at in sent[question] if at < arrived} <= kept
        theirs = opened[place * TABS_PER_CHAT : (place + 1) * TABS_PER_CHAT]
        assert all(pages[place][1] | set(tab.first_seen()) == kept for tab in theirs)


def test_requests_that_have_begun_are_answered_at_a_stop(server: Server, owner: Person, fake: Upstream) -> None:
    fake.says("Hello there", holds=[1])
    body = urlencode({"message": "Sent in two halves", "key": "halves"}).encode()
    head = (
        f"POST /chats HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {server.url}\r\nCookie: {owner.cookies}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    sender, unused, prober, reader = (HTTPConnection("127.0.0.1", server.port, timeout=60) for _ in range(4))
    with closing(sender), closing(unused), closing(prober), closing(reader):
        assert (ready(unused).status, ready(prober).status) == (200, 200)
        headers = {"Cookie": owner.cookies, "Origin": server.url, "Content-Type": "application/json"}
        reader.request("POST", "/api/v1/chats", json.dumps({"message": "Hello"}), {**headers, "Accept": "text/event-stream"})
        stream = reader.getresponse()
        assert (stream.status, stream.headers["Connection"]) == (200, "keep-alive")
        sender.connect()
        sender.sock.sendall(head.encode() + body[:5])
        # The head has been read when a request that came later is answered.
        assert ready(prober).status == 200

        os.kill(server.pid, signal.SIGTERM)
        until(lambda: is_refused(server), "nobody new is let in")
        fake.goes_on()
        assert b"completed" in stream.read()
        # A connection that was promised to stay takes one more request: a proxy can have sent it by now.
        for kept in (prober, reader):
            said = ready(kept)
            assert (said.status, said.headers["Connection"]) == (503, "close")
        sender.sock.sendall(body[5:])
        assert sender.sock.recv(12) == b"HTTP/1.1 303"
        assert unused.sock.recv(1) == b"", "a connection without a request ends in order"
    until(lambda: not server.is_running, "the server has ended")
    assert server.rows("SELECT count(*) FROM messages WHERE content = 'Sent in two halves'") == [(1,)]


def ready(connection: HTTPConnection) -> HTTPResponse:
    connection.request("GET", "/readyz")
    response = connection.getresponse()
    response.read()
    return response


def is_refused(server: Server) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", server.port)) == errno.ECONNREFUSED


Told = list[tuple[str, float]]


def answers_of(fake: Upstream) -> dict[str, Told]:
    """Returns each answer's tokens with their sending times, by question."""
    asked = [entry for entry in fake.log() if entry["path"].endswith(CHAT)]
    return {entry["body"]["messages"][-1]["content"]: entry["tokens"] for entry in asked}


def lateness(sent: Told, seen: dict[str, float]) -> float:
    """Returns the longest time that a word took from the upstream to a reader."""
    return max(seen[token[:7]] - at for token, at in sent if token[:7] in seen)


def saved_words(server: Server) -> dict[str, set[str]]:
    """Returns the words of each chat's last message, from the database."""
    rows = server.rows("SELECT c.id, m.content FROM messages m JOIN chats c ON c.head_id = m.id")
    return {id: set(content.split()) for id, content in rows}


def test_a_worker_that_is_killed_is_followed_by_one_that_takes_over(server: Server, owner: Person, fake: Upstream) -> None:
    fake.counts(5000, pace=0.005)
    path = owner.begin("Hello")
    until(lambda: server.rows("SELECT 1 FROM generation_journal WHERE entries LIKE '%w000002%'"), "something is written down")
    before = server.worker_pids

    server.kill_worker()
    until(lambda: server.worker_pids and server.worker_pids != before, "there is another worker")

    until(lambda: owner.last_answer(path).status == "interrupted", "it has taken over", seconds=60)
    answer = owner.last_answer(path)
    assert answer.text.startswith("w000001 w000002")
    assert "Continue" in answer.buttons


def test_a_second_worker_is_not_to_be_had_by_a_signal(server: Server, owner: Person) -> None:
    before = server.worker_pids

    os.kill(server.pid, signal.SIGTTIN)
    # gunicorn logs this signal, which reopens the log, only after it has handled the first.
    os.kill(server.pid, signal.SIGUSR1)

    until(lambda: "usr1" in server.log, "the server has seen both")
    assert server.worker_pids == before


WORDS = 900


def test_readers_that_stop_reading_delay_nobody_and_cost_little(
    server: Server, owner: Person, fake: Upstream, tabs: Callable[..., Tab]
) -> None:
    # Restarted, because the test compares its memory: it must not have served any requests yet.
    server.close()
    server.start()
    # Two megabytes within a few seconds: much more than a connection's buffers hold.
    tokens = [f"w{number:06d} {'rush and murmur ' * 120}\n\n" for number in range(1, WORDS + 1)]
    fake.always({"tokens": tokens, "pace": 0.006})
    grown, late = [], []
    with bystander(server, fake, person=owner):
        for number, stopped_count in enumerate((0, 0, STOPPED)):
            before = server.resident_bytes()
            url, shown = events_of(owner, owner.begin(f"Number {number}"))
            stopped = [tabs(owner, url, buffer=4096) for _ in range(stopped_count)]
            reader = tabs(owner, url).read()
            until(lambda reader=reader: has_ended(reader), "the reader has all", seconds=120)
            grown.append(server.resident_bytes() - before)
            late.append(lateness(answers_of(fake)[f"Number {number}"], reader.first_seen()))

    assert len(shown | set(reader.first_seen())) == WORDS
    # A coarse bound: on a busy machine words are late even without stopped readers. The bystander checks it more precisely.
    assert late[2] < max(late[:2]) + 5
    # The first figure includes the cost of the first answer, the second that of any answer. If each stopped reader had its own
    # copy, that would be two megabytes each.
    assert grown[2] - grown[1] < STOPPED * 1_000_000

    for tab in stopped:
        tab.read()
    until(lambda: all(has_ended(tab) for tab in stopped), "all who stopped have all", seconds=120)
    assert {len(shown | set(tab.first_seen())) for tab in stopped} == {WORDS}
    assert max(len(tab.messages) for tab in stopped) < len(reader.messages) / 2


def has_ended(tab: Tab) -> bool:
    # The words that were still missing arrive after the status.
    return b'"status": "completed"' in tab.raw and f"w{WORDS:06d}".encode() in tab.raw


SILENCE = 'data: {"choices":[{"index":0,"delta":{"content":""}}]}\n\n'
HUGE = ["<" * 100_000, "[" * 100_000, "*a_ " * 25_000, "> " * 50_000, "`" * 99_999, "| a " * 30_000, "\n" * 100_000 + "x"]


def test_huge_messages_hold_nobody_up(server: Server, owner: Person, fake: Upstream) -> None:
    fake.says("Fine.")

    with bystander(server, fake, person=owner):
        paths = [owner.begin(text) for text in HUGE]
        until(lambda: all(owner.last_answer(path).status == "completed" for path in paths), "all are answered", seconds=120)


def test_an_upstream_that_says_nothing_without_a_pause_holds_nobody_up(server: Server, owner: Person, fake: Upstream) -> None:
    fake.always({"steps": [{"send": SILENCE * 2_000, "for_ever": True}]})

    with bystander(server, fake, person=owner):
        path = owner.begin("Hello")
        fake.until(lambda _: any(entry["bytes"] > 5_000_000 for entry in fake.posts()))
        assert owner.post(owner.last_answer(path).buttons["Stop"]).status == 303
        fake.until(lambda _: all(entry["client_closed"] for entry in fake.posts()))
