"""Corrupt journal rows that the server never writes, of every kind that a database could contain."""

import json
from datetime import timedelta

from flask import Flask

from webapp.base.db import db, utc_now
from webapp.base.ids import new_id
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation

BEGINNING = "Hello "
DELTA = json.dumps([{"kind": "delta", "text": "again"}])
# By name: the `first_seq` of the second row, its entries, and the text that recovery can save of them.
KINDS: dict[str, tuple[object, object, str]] = {
    "unknown kind": (2, json.dumps([{"kind": "hologram", "depth": 3}, {"kind": "delta", "text": "more"}]), "more"),
    "no JSON": (2, '[{"kind": "delta", "te', ""),
    "wrong types": (2, json.dumps([{"kind": "delta", "text": 5}, {"kind": "phase", "name": []}, {"kind": 7}, None, "x"]), ""),
    "missing fields": (2, json.dumps([{"kind": "delta"}, {"kind": "failed", "code": "x"}, {}]), ""),
    "wrong place": ("abc", DELTA, ""),
    "huge": (2, json.dumps([{"kind": "delta", "text": "word " * 100_000}]), "word " * 100_000),
    "NUL": (2, json.dumps([{"kind": "delta", "text": "a\0b\ud800"}]), "a\ufffdb\ufffd"),
    "twice": (1, DELTA, ""),
    "no list": (2, json.dumps({"kind": "delta", "text": "more"}), ""),
    "deep": (2, "[" * 200_000, ""),
    "no text": (2, b"\xff\xfe[", ""),
}


def poisoned(app: Flask, person: str, *, times: int = 1) -> dict[str, str]:
    """Inserts answers of a dead worker, each in its own chat, with a corrupt row after a good one; returns their names by id."""
    made = {}
    with app.app_context():
        for name in list(KINDS) * times:
            made[_orphan(person, *KINDS[name][:2])] = name
        db.session.commit()
    return made


def _orphan(person: str, first_seq: object, entries: object) -> str:
    chat = Chat(id=new_id(), owner_id=person, title="t", model="m")
    db.session.add(chat)
    db.session.flush()
    message = Message(id=new_id(), chat_id=chat.id, role="assistant", content="", html="", html_version=0)
    db.session.add(message)
    db.session.flush()
    chat.head_id = message.id
    long_ago = utc_now() - timedelta(hours=1)
    generation = Generation(
        id=new_id(), kind="chat", lane=chat.lane, message_id=message.id, user_id=person, model_asked="m", owner="dead",
        status="running", heartbeat_at=long_ago,
    )  # fmt: skip
    db.session.add(generation)
    db.session.flush()
    # Inserted by the driver, so that values of types that the columns do not have stay as they are.
    insert = "INSERT INTO generation_journal (generation_id, first_seq, entries) VALUES (?, ?, ?)"
    cursor = db.session.connection().connection.cursor()
    cursor.execute(
        insert,
        (generation.id, 0 if first_seq == 1 else 1, json.dumps([{"kind": "delta", "text": BEGINNING}] * (1 + (first_seq == 1)))),
    )
    cursor.execute(insert, (generation.id, first_seq, entries))
    return generation.id
