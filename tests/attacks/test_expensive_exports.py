"""Exports and a backup of two hundred megabytes do not delay the answers of other users.

`MEGABYTES` in the environment changes the size.
"""

import http.client
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

import gevent
import pytest
from sqlalchemy import insert

from tests.attacks.scene import Scene, message_id, opened
from tests.support.bystander import bystander
from tests.support.person import Person
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.chat.record.tables import Chat, Message
from webapp.rendering import markdown

pytestmark = [pytest.mark.deep, pytest.mark.timeout(1800)]

MEGABYTES = int(os.environ.get("MEGABYTES", 200))
# Every tenth message is an answer of the maximum length; the others are the longest that a person can send.
LONG, SHORT = 2_000_000, 180_000
PARAGRAPH = "Some *words* of it, with [a link](https://example.org) and `code`.\n\n"
HTML = '<p>Some <em>words</em> of it, with <a href="https://example.org">a link</a> and <code>code</code>.</p>\n'
READ_BYTES = 262_144


def sizes() -> Iterator[int]:
    """Yields message sizes until the total is reached."""
    left, number = MEGABYTES * 1_000_000, 0
    while left > 0:
        size = SHORT if number % 10 else LONG
        yield size
        left, number = left - size, number + 1


def store(scene: Scene) -> None:
    """Inserts one chat of the first member; equal texts share one object in memory, but are separate rows in the database."""
    texts = {size: (PARAGRAPH * (size // len(PARAGRAPH)), HTML * (size // len(PARAGRAPH))) for size in (LONG, SHORT)}
    same = {"chat_id": "large", "html_version": markdown.VERSION}
    with scene.database() as session:
        chat = Chat(id="large", owner_id=scene.ids(session)[0], model="some/model", title="Large")
        session.add(chat)
        session.flush()
        parent_id = None
        for number, size in enumerate(sizes()):
            id, (text, html) = message_id("large", number), texts[size]
            about = {"id": id, "parent_id": parent_id, "role": "assistant" if size == LONG else "user"}
            session.execute(insert(Message).values(**about, content=text, html=html, **same))
            parent_id = id
        chat.head_id = parent_id


@pytest.fixture(scope="module")
def scene(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("exports")
    with opened(folder, fake_process) as scene:
        store(scene)
        yield scene
    # Too much to keep on a shared disk.
    shutil.rmtree(folder, ignore_errors=True)


def fetched_bytes(person: Person, path: str) -> int:
    """Reads a file to its end without keeping it; returns its size."""
    address = urlsplit(person.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=600)
    connection.request("GET", path, headers={"Cookie": person.cookies})
    reply, count = connection.getresponse(), 0
    assert reply.status == 200
    while part := reply.read(READ_BYTES):
        count += len(part)
    connection.close()
    return count


def a_file(scene: Scene, path: str, least: int) -> None:
    assert fetched_bytes(scene.members[0], path) >= least


def several_files_at_once(scene: Scene) -> None:
    paths = [f"/chats/large/export.{ending}" for ending in ("md", "html", "json")]
    fetching = [gevent.spawn(fetched_bytes, scene.members[0], path) for path in paths]
    gevent.joinall(fetching, raise_error=True)


def files_that_are_given_up(scene: Scene) -> None:
    """Downloads that stop or disconnect half-way leave nothing in memory."""
    # They take 70 to 100 MB for a while: ten at a time, each with an answer of 2 MB in several forms. The bystander's limit is
    # half as much again.
    address = urlsplit(scene.server.url)
    for ending in ("md", "html", "json"):
        connections = [http.client.HTTPConnection(address.hostname or "", address.port, timeout=60) for _ in range(10)]
        for connection in connections:
            connection.request("GET", f"/chats/large/export.{ending}", headers={"Cookie": scene.members[0].cookies})
            connection.getresponse().read(READ_BYTES)
        for connection in connections:
            connection.close()


def a_backup(scene: Scene) -> None:
    folder = scene.server.folder / "copies"
    folder.mkdir()
    scene.server.flask("backup", str(folder / "copy.sqlite3"))
    assert (folder / "copy.sqlite3").stat().st_size > MEGABYTES * 1_000_000
    shutil.rmtree(folder)


def a_proved_backup(scene: Scene) -> None:
    scene.owner.post("/admin/health/backup")
    file = scene.server.folder / "backups" / "nightly.json"
    until(file.exists, "the backup is made", seconds=600)
    backup = json.loads(file.read_text())[-1]
    assert (backup["faults"], backup["share"] <= 0.11) == ([], True)
    assert backup["bytes"] > MEGABYTES * 1_000_000


ALL = MEGABYTES * 990_000
ATTACKS: dict[str, Callable[[Scene], None]] = {
    "markdown": partial(a_file, path="/chats/large/export.md", least=ALL),
    "a page": partial(a_file, path="/chats/large/export.html", least=ALL),
    "JSON": partial(a_file, path="/chats/large/export.json", least=ALL),
    "lines": partial(a_file, path="/chats/large/export.jsonl", least=ALL),
    "everything": partial(a_file, path="/export.zip", least=1_000),
    "three at once": several_files_at_once,
    "given up": files_that_are_given_up,
    "a backup": a_backup,
    "a backup of the night": a_proved_backup,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_it_holds_up_nobody_and_the_memory_comes_back(scene: Scene, fake: Upstream, name: str) -> None:
    held, began = scene.server.held(), time.monotonic()
    with bystander(scene.server, fake, person=scene.owner) as beside:
        ATTACKS[name](scene)
        seconds = time.monotonic() - began

    print(f"{name}: gap {beside.gap_ms:.0f} ms, page {beside.page_ms:.0f} ms, {beside.grown_bytes / 1e6:.0f} MB, {seconds:.1f} s")
    assert scene.server.held() == held
