"""Writes into a database as fast as it can until its input ends: `python -m tests.moving.writer ADDRESS`.

Each transaction adds a chat with its message, and counts both in a third table.
"""

import select
import sqlite3
import sys
from typing import Any

import psycopg

CHAT = """
    INSERT INTO chats (id, kind, title, model, origin, created_at, changed_at)
    VALUES ('{id}', 'chat', '', 'm', '', '{at}', '{at}')
"""
MESSAGE = """
    INSERT INTO messages (id, chat_id, role, content, reasoning, html, html_version, origin, created_at)
    VALUES ('{id}', '{id}', 'user', 'word', '', '', 1, '', '{at}')
"""
COUNT = "UPDATE users SET name = '{number}' WHERE id = 'counter'"
AT = "2026-01-01 00:00:00"


def main(address: str) -> None:
    connection = connected(address)
    number = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        number += 1
        connection.execute("BEGIN" if address.startswith("postgres") else "BEGIN IMMEDIATE")
        for statement in (CHAT, MESSAGE, COUNT):
            connection.execute(statement.format(id=f"w{number:08}", number=number, at=AT))
        connection.execute("COMMIT")


def connected(address: str) -> Any:
    if address.startswith("postgres"):
        return psycopg.connect(address.replace("+psycopg", ""), autocommit=True)
    return sqlite3.connect(address.removeprefix("sqlite:///"), timeout=60, isolation_level=None)


if __name__ == "__main__":
    main(sys.argv[1])
