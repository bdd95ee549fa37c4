"""Lorebooks in the API: creating, importing, changing, exporting and attaching to chats."""

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

    assert [lorebook["name"] for lorebook in program.get("/lorebooks")["lorebooks"]] == ["The vale"]
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


def test_one_is_granted_read_used_and_taken_back(program: Client, admin: Client) -> None:
    id = program.post("/lorebooks", {"name": "The valley", "book": {"entries": [ENTRY]}, "is_always": True}, status=201)["id"]
    path = f"/lorebooks/{id}"
    [grant] = program.said("PUT", f"{path}/grants", 200, {"to": "everyone"})["grants"]
    assert (grant["to"], grant["to_id"], grant["right"]) == ("everyone", "", "read")
    program.said("PUT", f"{path}/grants", 422, {"to": "user", "to_id": ""})
    program.said("PUT", f"{path}/grants", 422, {"to": "user", "to_id": None})
    assert program.said("PUT", f"{path}/grants", 200, {"to": "everyone", "to_id": None})["grants"] == [grant]

    seen = admin.get(path)
    assert (seen["is_own"], seen["is_always"], seen["book"]["entries"]) == (False, False, [ENTRY])
    [listed] = admin.get("/lorebooks")["lorebooks"]
    assert (listed["is_own"], listed["is_always"]) == (False, False)
    assert program.get(path)["is_always"] is True
    for method, rest in (
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/grants"),
        ("PUT", "/grants"),
        ("DELETE", f"/grants/{grant['id']}"),
    ):
        body = {"to": "everyone"} if method == "PUT" else {} if method == "PATCH" else None
        admin.said(method, f"{path}{rest}", 403, body)
    copy = admin.post(f"{path}/duplicate", status=201)
    assert (copy["name"], copy["is_own"], copy["book"]["entries"]) == ("The valley (copy)", True, [ENTRY])

    chat = f"/chats/{admin.post('/chats', {'title': 'Tea'}, status=201)['chat']['id']}"
    assert admin.said("PATCH", chat, 200, {"lorebook_ids": [id]})["lorebook_ids"] == [id]
    program.said("DELETE", f"{path}/grants/{grant['id']}", 204)
    admin.said("GET", path, 404)
    # A chat does not list lorebooks that it can no longer use, so that what was read can be sent back.
    assert admin.get(chat)["lorebook_ids"] == []
    admin.said("PATCH", chat, 422, {"lorebook_ids": [id]})
    program.said("DELETE", f"{path}/grants/{grant['id']}", 404)


def test_a_file_is_brought_in(program: Client) -> None:
    file = {"file": (BytesIO(json.dumps(WORLD).encode()), "The valley.json")}
    made = program.client.post("/api/v1/lorebooks/import", headers=program.headers, data=file)
    assert made.status_code == 201
    assert (made.json["name"], made.json["entry_count"]) == ("The valley", 1)
