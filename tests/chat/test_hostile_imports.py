"""Import files made to exhaust time and memory: refused with a message, without delaying other requests."""

import json
import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select, update

from tests.chat.files import CHATGPT, bring, download, zipped
from tests.chat.test_chats import add_thread
from tests.support.marks import few_of
from tests.support.rounds import ROUNDS
from tests.support.turns import nobody_waits
from webapp.base.db import db, write
from webapp.base.heavy import zips
from webapp.chat.imports import own, pieces
from webapp.chat.record.tables import Message
from webapp.rendering import markdown
from webapp.workspace.exchange import service as import_service

MEGABYTE = 1024 * 1024
OPENING = b'{"mapping":{"a":['
MARKS = {"quotes": "> - > - !", "links": "[](", "emphasis": "*_`", "cells": "|a", "words": "a b "}
ENTRY = struct.pack("<4s6H3L5H2L", b"PK\1\2", *[0] * 9, 1, *[0] * 6) + b"a"


def member(text: bytes) -> bytes:
    return zipped({"conversations.json": text})


def entries(count: int, said: int) -> bytes:
    """Builds an archive with one number of files in its directory and another in its end record."""
    directory = ENTRY * count
    start = b"PK\3\4" + bytes(26)
    return start + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, said, said, len(directory), len(start), 0)


def brackets() -> bytes:
    return OPENING + b"[]," * (16 * MEGABYTE)


def keys(count: int) -> bytes:
    return b'{"mapping":{' + b",".join(b'"k%d":0' % number for number in range(count)) + b"}}"


def chat(content: str, **more: Any) -> dict[str, Any]:
    message = {"id": "m", "role": "user", "content": content, **more}
    return {"format": own.FORMAT, "version": 1, "chat": {"id": "c", "title": "Hostile"}, "messages": [message]}


ATTACKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "files in an archive": (lambda: entries(10, said=30_000), "list of files is too long"),
    "brackets": (lambda: member(brackets()), "too many values"),
    "a long directory": (lambda: entries(1_100_000, said=1), "list of files is too long"),
    "fewer keys": (lambda: member(keys(60_000)), "more than 50,000 entries"),
    "depth": (lambda: b'{"a":' * 2_000_000, "nested too deeply"),
    "tries": (lambda: json.dumps(chat("x", generations=[{}] * 500_000)).encode(), "too many attempts"),
    "several times": (lambda: zipped({f"conversations{n}.json": brackets() for n in range(4)}), "too many values"),
    "keys": (lambda: member(keys(3_500_000)), "too many values"),
    "small objects": (lambda: OPENING + b'{"a":1},' * 1_400_000, "isn't JSON"),
    "boundaries": (lambda: b"\r\n--cutx" * (5 * MEGABYTE), "isn't JSON"),
}  # fmt: skip


@pytest.mark.mostly_slow
@pytest.mark.parametrize("name", few_of(ATTACKS, 6))
def test_it_is_refused_with_a_sentence_while_others_go_on(owner, name):
    make, sentence = ATTACKS[name]
    data = make()

    with nobody_waits():
        page = bring(owner, data)

    assert page.status_code == 422
    assert sentence in page.error_at("Files")


@pytest.mark.slow
def test_what_takes_all_the_memory_is_refused(app, owner):
    # Four bytes for each character, and none that counts as a JSON value; as code, which renders ten times as fast.
    data = json.dumps([chat("```\n" + "x" * 1_500_000 + "🌊")] * 30, ensure_ascii=False).encode()

    with nobody_waits():
        page = bring(owner, data)

    assert page.says("1 new chat, 1 new message.")


@pytest.mark.slow
@pytest.mark.mostly_deep(2)
@pytest.mark.parametrize(
    "marks", ["> - > - !", "[](", "*_`", "|a", "a b "], ids=["quotes", "links", "emphasis", "cells", "words"]
)
def test_hostile_markdown_holds_nobody_up(app, owner, marks):
    data = json.dumps([chat(marks * (1_900_000 // len(marks)))]).encode()

    with nobody_waits():
        page = bring(owner, data)

    assert page.says("1 new chat, 1 new message.")


def test_what_takes_too_long_to_render_is_kept_without_its_html():
    clock = iter(range(0, 10_000, 7))
    sent = pieces.pieces(BytesIO(json.dumps([chat("*a* " * 20_000)]).encode()), now=lambda: float(next(clock)))

    _, _, [rendered] = map(pieces.read, sent)

    assert (rendered.html, rendered.version) == ("", 0)
    assert len(rendered.message.content) == 80_000


def test_what_a_child_sends_is_what_was_in_the_file():
    continued = [{"model_asked": "m", "status": "stopped", "reason": "user", "created_at": "2026-01-01T10:00:00+00:00"}]
    continued.append({"model_asked": "m", "continues": 0, "text_offset": 2, "notices": [{"code": "a", "message": "b"}]})
    value = chat("Hi **there**", created_at="2026-01-01T09:00:00+00:00", generations=continued)

    _, head, [rendered] = map(pieces.read, pieces.pieces(BytesIO(json.dumps(value).encode())))

    filed = own.parse(value)
    assert rendered.message == filed.messages[0]
    assert head.chat.id == filed.id
    assert "<strong>there</strong>" in rendered.html
    assert "stopped here" in rendered.html
    assert rendered.version == markdown.VERSION


def test_an_archive_is_believed_as_little_as_it_can_be():
    with pytest.raises(zips.TooManyFiles):
        zips.opened(BytesIO(entries(100_000, said=5)))
    with pytest.raises(zips.FAULTS):
        zips.opened(BytesIO(b"PK\3\4"))
    assert len(zips.opened(BytesIO(entries(100, said=100))).infolist()) == 100


@pytest.mark.slow
def test_whoever_sends_bad_files_waits(owner, member, monkeypatch):
    # Stops the clock: on a slow machine the wait would be over before the last of these files is read.
    monkeypatch.setattr(import_service._refused, "now", lambda: 1.0)
    refused = [bring(owner, b"not json").status_code for _ in range(5)]
    page = bring(owner, CHATGPT)

    assert refused == [422] * 5
    assert page.status_code == 429
    assert 0 < int(page.headers["Retry-After"]) <= 60
    assert bring(member, CHATGPT).says("1 new chat")


@pytest.mark.slow
def test_whoever_sends_good_files_does_not_wait(owner):
    for _ in range(6):
        assert bring(owner, CHATGPT).status_code == 200


@pytest.mark.slow
@pytest.mark.rounds
def test_many_messages_are_stored_in_pieces(app, owner):
    count = 5_000 if ROUNDS > 1 else 2_000
    parents = ["", *(f"m{number}" for number in range(count - 1))]
    tries = [{"model_asked": "m", "notices": [{"code": "x", "message": "y" * 500}] * 5}] * 3
    messages = [
        {"id": f"m{number}", "parent": parent, "role": "assistant", "content": f"Word *{number}*. " * 30, "generations": tries}
        for number, parent in enumerate(parents)
    ]

    with nobody_waits():
        page = bring(owner, [{**chat(""), "messages": messages}])

    assert page.says(f"1 new chat, {count} new messages.") or page.says(f"1 new chat, {count:,} new messages.")
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Message)) == count


@pytest.mark.slow
@pytest.mark.rounds
def test_a_long_chat_is_taken_along_in_pieces(owner):
    count = 10_000 if ROUNDS > 1 else 4_000
    path = add_thread(owner, count)
    with owner.app.app_context(), write() as session:
        session.execute(update(Message).values(content="Word. " * 30))

    for ending in ("md", "txt", "json"):
        with nobody_waits():
            assert len(download(owner, f"{path}/export.{ending}")) > count * 180, ending
