"""Thousands of chats with hundreds of pictures on a real server: once over a kill, beside a person whose answer continues."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.scene import Scene, opened
from tests.chat.archives.archive import many
from tests.chat.archives.conftest import PIECE
from tests.support.bystander import bystander
from tests.support.person import Person
from tests.support.waiting import until
from tests.upstream.handle import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
CHATS, PICTURES = 3_000, 300
STATE = "SELECT state, read FROM chat_imports"


@pytest.fixture
def scene(fake_process: Upstream, tmp_path: Path) -> Iterator[Scene]:
    with opened(tmp_path, fake_process) as scene:
        yield scene


def send(person: Person, path: Path) -> None:
    size, at = path.stat().st_size, 0
    begun = json.loads(person.post("/imports", name=path.name, size=str(size), mark="1").text)
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            reply = person._sent(f"/imports/{begun['id']}/pieces?at={at}", file.read(PIECE), "application/octet-stream")
            assert reply.status == 200, reply.text
            at = json.loads(reply.text)["stored"]


def read_by(scene: Scene) -> tuple[str, int]:
    state, read = scene.server.rows(STATE)[0]
    return state, read


def test_it_goes_on_after_a_kill_beside_somebody_who_reads(scene: Scene, fake: Upstream, tmp_path: Path) -> None:
    path, member = tmp_path / "chatgpt.zip", scene.members[0]
    many(CHATS, PICTURES, path)
    send(member, path)
    until(lambda: read_by(scene)[1] > 100, "some chats are read")
    scene.server.kill()
    _, before = read_by(scene)
    assert 100 < before < CHATS
    scene.server.start()

    with bystander(scene.server, fake, person=scene.owner) as beside:
        until(lambda: read_by(scene)[0] == "done", "all chats are read", seconds=300)

    print(f"gap {beside.gap_ms:.0f} ms, page {beside.page_ms:.0f} ms, {beside.grown_bytes / 1e6:.0f} MB")
    [[chats]] = scene.server.rows("SELECT count(*) FROM chats WHERE origin LIKE 'chatgpt:%'")
    [[messages]] = scene.server.rows("SELECT count(*) FROM messages WHERE origin LIKE 'chatgpt:%'")
    [[files]] = scene.server.rows("SELECT count(*) FROM chat_files")
    assert (chats, messages, files) == (CHATS, 4 * CHATS, PICTURES)
    # Of the chat that the kill has cut, what was stored before isn't counted again.
    assert re.search(r"\b(299|300) pictures", member.get("/import").text)
