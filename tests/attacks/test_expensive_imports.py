"""Malicious import files of every kind, made to take all time and memory, do not delay the answers of other users."""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import gevent
import pytest

from tests.attacks.scene import Scene, opened
from tests.chat.files import zipped
from tests.chat.test_hostile_imports import keys, member
from tests.knowledge.office import xlsx
from tests.support.bystander import bystander
from tests.support.waiting import until
from tests.upstream.handle import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

MEGABYTE = 1024 * 1024
SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLLECTION = "SELECT id FROM collections ORDER BY created_at DESC LIMIT 1"
UNREAD = "SELECT 1 FROM documents WHERE state NOT IN ('ready', 'failed') LIMIT 1"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*more: bytes, side: int = 8) -> bytes:
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", head) + b"".join(more) + chunk(b"IDAT", zlib.compress(bytes(8 * 25))) + chunk(b"IEND", b"")


def unpacking() -> list[bytes]:
    """Returns compressed texts for a picture, each of which unpacks to a thousand times its size."""
    return [chunk(b"zTXt", b"chara\0\0" + zlib.compress(b"[" * 8 * MEGABYTE))] * 20


@dataclass(frozen=True)
class Kind:
    """A malicious file, the form to send it to, and the acceptable statuses."""

    path: str
    name: str
    content: bytes
    statuses: tuple[int, ...] = (422,)
    field: str = "file"
    by: str = "member"


# The import of several cards lists those that cannot be read, with this status.
LISTED = (200,)
# The other required fields of the avatar's form.
NEEDED = {"avatar": {"name": "A"}}
FACE = b"\xff\xd8" + b"\xff\xe0\0\2" * 100_000
HISTORY = b'[{"chat":{"history":{"messages":{'
BOOK = b'{"data":{"character_book":{"entries":['
LINES = {"heading.md": b"# " + b"#" * 400_000 + b"x\n", "table.md": b"|a|\n|" + b"-" * 400_000 + b"x\n", "a.csv": b"," * MEGABYTE}


def kinds() -> dict[str, Kind]:
    """Builds the files in the one test that sends them: this module is also collected in runs without that test."""
    return {
        "our own chats": Kind("/import", "chats.json", b'{"format":"millrace","chat":' + b'{"a":' * 500_000),
        "chats of ChatGPT": Kind("/import", "chats.zip", member(keys(2_000_000))),
        "chats of Open WebUI": Kind("/import", "chats.json", HISTORY + b'"a":{},' * 1_000_000 + b"}}}}]"),
        "a project": Kind("/projects/import", "mill.zip", zipped({"project.json": b"[" + b"{}," * 1_300_000 + b"{}]"})),
        "a lorebook": Kind("/lorebooks/import", "world.json", b'{"entries":{' + b'"a":{},' * 200_000),
        "a card as JSON": Kind("/characters/import", "card.json", BOOK + b"{}," * 400_000, LISTED),
        "a card in a picture": Kind("/characters/import", "card.png", png(*unpacking()), LISTED),
        "a character's picture": Kind("/characters", "a.jpg", FACE, field="avatar"),
        "a persona's picture": Kind("/personas", "a.png", png(side=2**31 - 1), (422, 413), field="avatar"),
        "a workflow": Kind("/workflows", "flow.yaml", b"workflow: a\nsteps: " + b"[" * 59 + b"a," * 5_000, by="owner"),
        "a flow of Rasa": Kind("/workflows", "flows.yml", b"flows:\n" + b"  a:\n    steps: [{}]\n" * 2_500, by="owner"),
        "a picture in a chat": Kind("/files", "a.png", png(*unpacking(), side=2**31 - 1)),
        "a document in a chat": Kind("/files", "a.docx", zipped({"word/document.xml": b"<w:p/>" * 8 * MEGABYTE})),
    }  # fmt: skip


@pytest.fixture(scope="module")
def scene(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with opened(tmp_path_factory.mktemp("imports"), fake_process) as scene:
        yield scene


def test_every_kind_of_file_beside_somebody_who_reads(scene: Scene, fake: Upstream) -> None:
    said, made = {}, kinds()
    with bystander(scene.server, fake, person=scene.owner) as beside:
        for name, kind in made.items():
            person = scene.owner if kind.by == "owner" else scene.members[0]
            said[name] = person.upload(kind.path, kind.content, kind.name, kind.field, **NEEDED.get(kind.field, {}))

    print(f"gap {beside.gap_ms:.0f} ms, page {beside.page_ms:.0f} ms, {beside.grown_bytes / 1e6:.0f} MB")
    wrong = {name: (reply.status, reply.text[-300:]) for name, reply in said.items() if reply.status not in made[name].statuses}
    assert not wrong, json.dumps(wrong, indent=1)


def test_two_sheets_of_empty_cells_leave_others_their_turn(scene: Scene, fake: Upstream) -> None:
    [guest, other, *_] = scene.members
    sheet, picture = xlsx(f"<row>{'<c/>' * 3_000_000}</row>"), png()
    with bystander(scene.server, fake, person=scene.owner):
        sending = [gevent.spawn(guest.upload, "/files", sheet, "a.xlsx") for _ in range(2)]
        with gevent.Timeout(20):
            for _ in range(3):
                said = other.upload("/files", picture, "a.png")
                assert said.status not in (503, 422), said.text[-300:]
        gevent.joinall(sending, timeout=60, raise_error=True)
    replies = [upload.value for upload in sending]
    # What a busy machine can't read in time is accepted, and read in the background, or is told to come again.
    statuses = [reply.status for reply in replies if "empty cells" not in reply.text]
    assert set(statuses) <= {200, 503}


def test_documents_of_a_collection_are_all_read_in_the_end(scene: Scene, fake: Upstream) -> None:
    scene.members[0].post("/knowledge", name="Hostile", about="", level="0")
    collection = scene.server.rows(COLLECTION)[0][0]
    with bystander(scene.server, fake, person=scene.owner):
        for name, content in LINES.items():
            assert scene.members[0].upload(f"/knowledge/{collection}/documents", content, name).status == 303
        until(lambda: not scene.server.rows(UNREAD), "every document is read, or refused", seconds=120)
