"""The faults as a table: the action, how the hit answer can end, and how often its model can be called."""

import base64
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import psycopg

from tests.faults import meanwhile
from tests.faults.scene import TOKENS, Scene
from tests.support.waiting import until

Storage = Literal["one worker", "several workers"]
BOTH: tuple[Storage, ...] = ("one worker", "several workers")
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname"
COUNTED: dict[str, Any] = {"counted": TOKENS, "pace": 0.02}


@dataclass(frozen=True)
class Fault:
    """`number` is the one in the list of faults; `does` asks for the answers and causes the fault."""

    number: int
    words: str
    does: Callable[[Scene], None]
    ends: frozenset[str]
    most_asked: int = 1
    where: tuple[Storage, ...] = BOTH


def _upstream(number: int, words: str, behaviour: dict[str, Any], ends: str, most_asked: int = 1, text: str = "") -> Fault:
    def does(scene: Scene) -> None:
        scene.text = text or scene.text
        scene.ask(behaviour)

    return Fault(number, words, does, frozenset(ends.split()), most_asked)


def _refusal(status: int, **headers: str) -> dict[str, Any]:
    return {"status": status, "headers": headers, "json": {"error": {"code": status, "message": f"refused with {status}"}}}


def _limited_once(scene: Scene) -> None:
    scene.ask(first=[_refusal(429, **{"Retry-After": "1"})])


def _doing(act: Callable[[Scene], None]) -> Callable[[Scene], None]:
    """Returns an action that runs once the page shows part of the answer, while all others are written too."""

    def does(scene: Scene) -> None:
        scene.ask_together()
        act(scene)

    return does


def _slowly(act: Callable[[Scene], None]) -> Callable[[Scene], None]:
    """Returns an action that runs while the answer is certainly being written, however long asking for the others takes."""

    def does(scene: Scene) -> None:
        scene.ask(meanwhile.SLOW)
        scene.seen("w000003")
        act(scene)
        scene.fake.beside(scene.question, over=True)

    return does


def _tab_killed(scene: Scene) -> None:
    scene.hit.tab.close()


def _sent_twice(scene: Scene) -> None:
    """A double click, or a retry by htmx: one chat, one question."""
    replies = [scene.installation.here.post("/chats", message="Twice", key=f"{scene.question}-twice") for _ in range(2)]
    assert len({reply.location for reply in replies}) == 1
    asked = scene.installation.one.rows("SELECT count(*) FROM messages WHERE chat_id = ?", replies[0].location.rpartition("/")[2])
    assert asked == [(2,)]


def _stopped_twice(scene: Scene) -> None:
    for person in (scene.installation.here, scene.installation.there):
        if stop := scene.answer(scene.hit).buttons.get("Stop"):
            assert person.post(stop).status in (303, 409)


def _worker_killed(scene: Scene) -> None:
    server = scene.installation.other or scene.installation.one
    server.kill_worker()


def _server_frozen(scene: Scene) -> None:
    """Freezes the workers for less than their lease."""
    pids = (scene.installation.other or scene.installation.one).worker_pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(3)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def _server_restarted(scene: Scene) -> None:
    server = scene.installation.other or scene.installation.one
    server.terminate()
    server.start()


def _connections_cut(scene: Scene) -> None:
    scene.installation.one.rows(f"{CUT} = current_database()")


def _postgres_refuses(scene: Scene) -> None:
    """PostgreSQL closes every connection and accepts no new ones, as during a restart."""
    url = urlsplit(scene.installation.one.database_url.replace("+psycopg", ""))
    name = url.path.strip("/")
    with psycopg.connect(url._replace(path="/postgres").geturl(), autocommit=True) as beside:
        beside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        try:
            beside.execute(f"{CUT} = '{name}'".encode())
            time.sleep(3)
        finally:
            beside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())


def _redis_killed(scene: Scene) -> None:
    assert scene.installation.stores
    scene.installation.stores.kill()
    scene.until_over()
    scene.installation.stores.start()
    until(lambda: '"ready"' in scene.installation.here.get("/readyz").text, "Redis is back")


def _redis_emptied(scene: Scene) -> None:
    assert scene.installation.stores
    scene.installation.stores.empty()


def _redis_frozen(scene: Scene) -> None:
    assert scene.installation.stores
    scene.installation.stores.freeze()
    time.sleep(4)
    scene.installation.stores.go_on()


def _redis_full(scene: Scene) -> None:
    """Redis rejects writes, but still answers."""
    assert scene.installation.stores
    scene.installation.stores.reply("CONFIG SET maxmemory 1")
    try:
        until(lambda: '"degraded"' in scene.installation.here.get("/readyz").text, "it is said")
        scene.until_over()
    finally:
        scene.installation.stores.reply("CONFIG SET maxmemory 0")
    until(lambda: '"ready"' in scene.installation.here.get("/readyz").text, "Redis takes what it is sent again")


def _redis_trimmed(scene: Scene) -> None:
    assert scene.installation.stores
    for key in scene.installation.stores.reply("KEYS millrace:generation:*").split():
        if key.startswith("millrace:"):
            scene.installation.stores.reply(f"XTRIM {key} MAXLEN 0")


HALF = base64.b64encode(b'data: {"choices": [{"index": 0, "delta": {"content": "w000001 \xf0\x9f').decode()
ODD = [
    "data: {not json\n\n",
    'data: {"choices": null}\n\n',
    'data: {"choices": [{"index": 7, "delta": {"content": "elsewhere"}}]}\n\n',
    'data: {"choices": [{"index": 0}]}\n\n',
]
ODD_STEPS = {"steps": [{"send": bytes_} for bytes_ in ODD] + [{"close": "fin"}]}
LARGE = "a" * 1_000_000
LONG = " ".join(f"w{number:06d}" for number in range(1, 20_001))
AGAIN = json.dumps({"choices": [{"index": 0, "delta": {"content": "again " * 5_000}}]})
ENDLESS = {"steps": [{"send": f"data: {AGAIN}\n\n", "for_ever": True}]}
SEVERAL: tuple[Storage, ...] = ("several workers",)
FAULTS = (
    Fault(1, "the model is rate limited once", _limited_once, frozenset({"completed"}), 2),
    _upstream(2, "rate limited for an hour", _refusal(429, **{"Retry-After": "3600"}), "failed", 3),
    _upstream(3, "no credit", _refusal(402), "failed"),
    _upstream(4, "the key is refused", _refusal(401), "failed"),
    _upstream(5, "500 as JSON", _refusal(500), "failed", 4),
    _upstream(5, "502 as a page", {"html": "<!doctype html><title>502</title>", "status": 502}, "failed", 4),
    _upstream(6, "200 with a page", {"html": "<!doctype html><title>Welcome</title>"}, "failed", 4),
    _upstream(6, "200 with an error", {"json": {"error": {"code": 500, "message": "broken"}}}, "failed", 4),
    _upstream(7, "an error in the middle", {**COUNTED, "error_after": 20}, "interrupted"),
    _upstream(8, "an end without a marker", {**COUNTED, "finish": None, "done": False}, "interrupted"),
    _upstream(9, "a stall", {**COUNTED, "stall_after": 20}, "interrupted"),
    _upstream(10, "a stall with comments", {**COUNTED, "stall_after": 20, "stall_comments": 0.2}, "interrupted"),
    _upstream(11, "no first byte", {"steps": [{"hang": True}]}, "failed", 6),
    _upstream(12, "a reset in the middle", {**COUNTED, "cut_after": 20, "cut": "rst"}, "interrupted"),
    _upstream(12, "a reset within a character", {"steps": [{"send64": HALF}, {"close": "rst"}]}, "failed interrupted", 4),
    _upstream(13, "one byte at a time", {**COUNTED, "slice": 1, "slice_pause": 0.0002}, "completed"),
    _upstream(15, "malformed pieces", ODD_STEPS, "failed interrupted", 4, "elsewhere"),
    _upstream(16, "one token of a megabyte", {"tokens": [LARGE]}, "completed", 1, LARGE),
    _upstream(17, "20,000 tokens at once", {"counted": 20_000}, "completed", 1, LONG),
    _upstream(18, "an endless answer", ENDLESS, "completed", 1, "again " * 500_000),
    Fault(20, "the page is killed", _doing(_tab_killed), frozenset({"completed"})),
    Fault(23, "another is sent twice meanwhile", _doing(_sent_twice), frozenset({"completed"})),
    Fault(24, "stopped twice, at both servers", _doing(_stopped_twice), frozenset({"stopped", "completed"})),
    Fault(26, "edited and asked again meanwhile", _slowly(meanwhile.refused), frozenset({"completed"})),
    Fault(26, "its chat is deleted, and brought back", _slowly(meanwhile.thrown_away), frozenset({"stopped"})),
    Fault(26, "another chat is erased while it is answered", _slowly(meanwhile.erased), frozenset({"completed"})),
    Fault(27, "a worker is killed", _doing(_worker_killed), frozenset({"completed"}), 2),
    Fault(28, "a worker is frozen for a moment", _doing(_server_frozen), frozenset({"completed", "interrupted"}), 2),
    Fault(29, "the server is restarted", _doing(_server_restarted), frozenset({"completed"}), 2),
    Fault(33, "PostgreSQL drops every connection", _doing(_connections_cut), frozenset({"completed"}), 2, SEVERAL),
    Fault(33, "PostgreSQL refuses everyone for a while", _doing(_postgres_refuses), frozenset({"completed"}), 2, SEVERAL),
    Fault(34, "Redis is killed and comes back", _doing(_redis_killed), frozenset({"completed"}), 1, SEVERAL),
    Fault(34, "Redis is emptied", _doing(_redis_emptied), frozenset({"completed"}), 1, SEVERAL),
    Fault(34, "Redis is frozen", _doing(_redis_frozen), frozenset({"completed"}), 1, SEVERAL),
    Fault(34, "Redis is full", _doing(_redis_full), frozenset({"completed"}), 1, SEVERAL),
    Fault(35, "the stream of an answer is trimmed", _doing(_redis_trimmed), frozenset({"completed"}), 1, SEVERAL),
    Fault(37, "its stored key is tampered with meanwhile", meanwhile.key_tampered, frozenset({"completed"})),
)
