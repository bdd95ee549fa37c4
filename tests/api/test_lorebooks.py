"""Lorebooks for programs: made, brought in, changed, exported, and attached to chats."""

import json
from io import BytesIO

from tests.api.client import Client

ENTRY = {"keys": ["rye"], "content": "Rye is dear.", "extensions": {"weather": "dry"}}
WORLD = {"entries": {"0": {"uid": 0, "key": ["mill"], "content": "It burnt down.", "order": 3, "odd": [1]}}}


def test_one_is_made_changed_deleted_and_brought_back(program: Client) -> None:
    made = program.post("/lorebooks", {"name": "The valley", "book": {"entries": [ENTRY]}}, status=201)
    assert (made["name"], made["entry_count"], made["is_always"]) == ("The valley", 1, False)
    assert made["book"]["entries"] == [ENTRY]
    path = f"/lorebooks/{made['id']}"

    changed = program.said("PATCH", path, 200, {"name": "The vale", "is_always": True})
    assert (changed["name"], changed["is_always"], changed["book"]["entries"]) == ("The vale", True, [ENTRY])
    changed = program.said("PATCH", path, 200, {"book": WORLD})
    assert changed["name"] == "The vale"
    assert changed["book"]["entries"][0]["keys"] == ["mill"]
    assert program.get(f"{path}/export")["entries"]["0"]["odd"] == [1]

    assert [each["name"] for each in program.get("/lorebooks")["lorebooks"]] == ["The vale"]
    program.said("DELETE", path, 204)
    assert program.get("/lorebooks")["lorebooks"] == []
    program.said("GET", path, 404)
    assert program.post(f"{path}/restore")["name"] == "The vale"


def test_what_cannot_be_is_refused(program: Client) -> None:
    assert program.said("POST", "/lorebooks", 422, {"name": " "})["fields"]
    wrong = program.said("POST", "/lorebooks", 422, {"name": "x", "book": {"entries": 5}})
    assert list(wrong["fields"]) == ["book"]
    deep: dict[str, object] = {}
    for _ in range(60):
        deep = {"a": deep}
    assert (
        "nested too deeply" in program.said("POST", "/lorebooks", 422, {"name": "x", "book": {**deep, "entries": []}})["detail"]
    )


def test_those_of_others_are_not_there(program: Client, admin: Client) -> None:
    id = program.post("/lorebooks", {"name": "Mine"}, status=201)["id"]
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/export"), ("POST", "/restore")):
        admin.said(method, f"/lorebooks/{id}{path}", 404, {} if method == "PATCH" else None)


def test_a_chat_uses_them(program: Client, admin: Client) -> None:
    id = program.post("/lorebooks", {"name": "The valley"}, status=201)["id"]
    chat = program.post("/chats", {"title": "Tea"}, status=201)["chat"]
    assert chat["lorebook_ids"] == []
    path = f"/chats/{chat['id']}"

    assert program.said("PATCH", path, 200, {"lorebook_ids": [id, id]})["lorebook_ids"] == [id]
    assert program.said("PATCH", path, 200, {"title": "Teas"})["lorebook_ids"] == [id]
    strange = admin.post("/lorebooks", {"name": "Theirs"}, status=201)["id"]
    program.said("PATCH", path, 422, {"lorebook_ids": [strange]})
    assert program.said("PATCH", path, 200, {"lorebook_ids": []})["lorebook_ids"] == []


def test_a_file_is_brought_in(program: Client) -> None:
    file = {"file": (BytesIO(json.dumps(WORLD).encode()), "The valley.json")}
    made = program.client.post("/api/v1/lorebooks/import", headers=program.headers, data=file)
    assert made.status_code == 201
    assert (made.json["name"], made.json["entry_count"]) == ("The valley", 1)
