"""Archives that programs send in pieces."""

from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client
from tests.chat.archives.archive import chat
from tests.chat.archives.conftest import packed
from tests.support.waiting import seen


def add(program: Client, id: str, at: int, content: bytes, status: int = 200) -> dict[str, Any]:
    reply = program.client.post(f"/api/v1/imports/{id}/pieces?at={at}", data=content, headers=program.headers)
    assert reply.status_code == status, reply.get_data(as_text=True)
    return dict(reply.json or {})


def test_it_is_sent_read_and_removed(program: Client) -> None:
    content = packed([chat(1), chat(2)])
    begun = program.post("/imports", {"name": "chatgpt.zip", "size": len(content)}, status=201)
    assert (begun["state"], begun["stored"], begun["bytes"]) == ("uploading", 0, len(content))

    half = len(content) // 2
    assert add(program, begun["id"], 0, content[:half])["stored"] == half
    assert program.post("/imports", {"name": "chatgpt.zip", "size": len(content)}, status=201)["stored"] == half
    assert add(program, begun["id"], half + 1, content[half:])["stored"] == half
    assert add(program, begun["id"], half, content[half:])["stored"] == len(content)

    done = seen(lambda: program.get(f"/imports/{begun['id']}"), lambda told: told["state"] == "done", "it is read")
    assert (done["read"], done["total"], done["chats"], done["messages"], done["trouble"]) == (2, 2, 2, 8, "")
    program.said("DELETE", f"/imports/{begun['id']}", 204)
    program.said("GET", f"/imports/{begun['id']}", 404)


def test_a_second_one_is_refused(program: Client) -> None:
    program.post("/imports", {"name": "a.zip", "size": 10}, status=201)

    assert "a.zip" in program.post("/imports", {"name": "b.zip", "size": 10}, status=409)["error"]


@pytest.mark.parametrize(
    "body", [{}, {"name": "a.zip"}, {"name": "a.zip", "size": 0}, {"name": "", "size": 1}, {"name": 1, "size": "x"}]
)
def test_a_bad_body_is_refused(program: Client, body: dict[str, Any]) -> None:
    program.post("/imports", body, status=422)


def test_someone_elses_is_not_there(program: Client, other: Client, app: Flask) -> None:
    id = program.post("/imports", {"name": "a.zip", "size": 10}, status=201)["id"]

    other.said("GET", f"/imports/{id}", 404)
    other.said("DELETE", f"/imports/{id}", 404)
    add(other, id, 0, b"x", status=404)
    add(program, id, 0, b"x" * 11, status=422)
