"""Searching malicious lorebooks does not delay the answers of other users."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks.scene import Scene, opened
from tests.support.bystander import bystander
from tests.upstream.handle import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STAYS = {"sticky": 50, "cooldown": 50, "group": ",".join(map(str, range(60)))}
WORLDS: dict[str, list[dict[str, Any]]] = {
    "expressions": [{"keys": [f"/(?:a|b|ab|aab|{n}){{1,150}}c{m}/i" for m in range(20)], "content": "x"} for n in range(200)],
    "keys": [{"keys": [f"{n} {m}" for m in range(40)], "content": "x", "extensions": STAYS} for n in range(900)],
    "texts": [{"keys": [""], "constant": True, "content": f"wörd-{n} " * 150} for n in range(900)],
}


@pytest.fixture(scope="module")
def scene(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with opened(tmp_path_factory.mktemp("lore"), fake_process) as scene:
        yield scene


def test_worlds_that_take_long_to_look_through(scene: Scene, fake: Upstream) -> None:
    person = scene.members[0]
    chat = person.post("/chats", message="Hello").location
    with bystander(scene.server, fake, person=scene.owner) as beside:
        for name, entries in WORLDS.items():
            file = json.dumps({"name": name, "entries": entries, "scan_depth": 100, "recursive_scanning": True}).encode()
            book = person.upload("/lorebooks/import", file, "world.json", "file").location
            assert book.startswith("/lorebooks/"), name
            assert person.post(f"{chat}/prompts", lorebooks=book.rpartition("/")[2]).status == 303
            for _ in range(3):
                scene.await_the_end()
                assert person.post(f"{chat}/messages", message="the quick brown fox " * 1_000).status == 303
        scene.await_the_end()

    print(f"gap {beside.gap_ms:.0f} ms, page {beside.page_ms:.0f} ms, {beside.grown_bytes / 1e6:.0f} MB")
