"""Characters and personas in the API: /api/v1/characters and /api/v1/personas."""

import pytest

from tests.api.client import Client, client_of
from tests.characters.conftest import png
from tests.conftest import signed_in
from webapp.api.native.characters import PAGE_CHARS
from webapp.base.db import write
from webapp.characters.profiles import PICTURE_BYTES
from webapp.characters.tables import Character

FULL = {
    "name": "Mara",
    "description": "Mara mills rye.",
    "system_prompt": "Be Mara.",
    "post_history_prompt": "Stay curt.",
    "greeting": "What is it?",
    "tags": ["Mill", "calm"],
    "is_shared": False,
    "card": {"spec": "chara_card_v3"},
}


@pytest.fixture
def program(app, member) -> Client:
    return client_of(app, member.email)


@pytest.fixture
def other(app, stranger) -> Client:
    return client_of(app, stranger.email)


def test_a_character_from_its_making_to_its_end(program, other):
    made = program.post("/characters", FULL, status=201)
    path = f"/characters/{made['id']}"
    assert {name: made[name] for name in FULL} == {**FULL, "tags": ["mill", "calm"]}
    assert (made["is_own"], made["is_teams"], made["avatar_url"]) == (True, False, None)
    assert program.get(path) == made

    changed = program.said("PATCH", path, 200, {"name": "Mara Rye", "tags": []})
    assert (changed["name"], changed["tags"], changed["greeting"], changed["card"]) == (
        "Mara Rye",
        [],
        "What is it?",
        FULL["card"],
    )
    copy = program.post(f"{path}/duplicate", status=201)
    assert copy["name"] == "Mara Rye (copy)"
    assert [character["name"] for character in program.get("/characters")["characters"]] == ["Mara Rye", "Mara Rye (copy)"]
    assert program.get("/characters", query={"tag": "mill"})["characters"] == []
    assert len(program.get("/characters", query={"q": "rye copy"})["characters"]) == 1

    program.said("DELETE", path, 204)
    program.said("GET", path, 404)
    assert program.post(f"{path}/restore")["name"] == "Mara Rye"
    for method, where in (("GET", path), ("PATCH", path), ("DELETE", path), ("POST", f"{path}/duplicate")):
        other.said(method, where, 404, {} if method == "PATCH" else None)


def test_long_ones_come_a_page_at_a_time(program, member, app):
    with app.app_context(), write() as session:
        session.add_all(
            Character(
                owner_id=member.person_id, name=f"Long {number:02}", tags=[], description="x" * 20_000, greeting="y" * 20_000
            )
            for number in range(60)
        )
    found, cursor, pages = [], "", 0
    while cursor or not pages:
        pages += 1
        told = program.get("/characters", query={"q": "long", "cursor": cursor})
        assert sum(len(character["description"]) + len(character["greeting"]) for character in told["characters"]) <= PAGE_CHARS
        found += [character["name"] for character in told["characters"]]
        cursor = told["next_cursor"]
    assert (pages, found) == (3, [f"Long {number:02}" for number in range(60)])


def test_a_shared_one_is_seen_and_not_changed(program, other):
    path = f"/characters/{program.post('/characters', {**FULL, 'is_shared': True}, status=201)['id']}"

    assert (other.get(path)["is_shared"], other.get(path)["is_own"]) == (True, False)
    assert other.said("PATCH", path, 403, {"name": "Mine"})["code"] == "forbidden"
    other.said("DELETE", path, 403)
    other.said("DELETE", f"{path}/avatar", 403)
    assert program.said("PATCH", path, 200, {"is_shared": False})["is_shared"] is False
    other.said("GET", path, 404)


def test_the_teams_are_there_for_everybody_and_changed_by_admins(cast, program, owner):
    hanne = next(character for character in program.get("/characters")["characters"] if character["name"] == "Hanne Voss")
    assert (hanne["is_teams"], hanne["is_shared"], hanne["is_own"]) == (True, True, False)
    program.said("PATCH", f"/characters/{hanne['id']}", 403, {"name": "Mine"})

    changed = client_of(cast, owner.email).said("PATCH", f"/characters/{hanne['id']}", 200, {"name": "Hanne V."})

    assert (changed["name"], changed["is_teams"]) == ("Hanne V.", True)


def test_bad_input_is_said_field_by_field(program, app):
    for body, field in (
        ({"name": "", "description": "d"}, "name"),
        ({"name": "x" * 121, "description": "d"}, "name"),
        ({"name": "Mara", "description": "d", "tags": ["x" * 41]}, "tags.0"),
        ({"name": "Mara", "description": "d", "owner_id": "x"}, "owner_id"),
        ({"description": "d"}, "name"),
    ):
        assert field in program.post("/characters", body, status=422)["fields"], body
    assert "Say a little" in program.post("/characters", {"name": "Mara"}, status=422)["detail"]
    guest = signed_in(app, "guest@example.org", "guest")
    client_of(app, guest.email).post("/characters", {**FULL, "is_shared": True}, status=403)


def test_scopes_count(program, app, member):
    reader, writer = client_of(app, member.email, "read"), client_of(app, member.email, "chat")
    reader.post("/characters", FULL, status=403)
    assert reader.get("/characters")["characters"] == []
    writer.post("/personas", {"name": "Jo", "description": "Jo sails."}, status=201)
    Client(app).said("GET", "/characters", 401)


@pytest.mark.parametrize("kind", ["characters", "personas"])
def test_a_picture_is_put_seen_and_taken_away(program, other, kind):
    path = f"/{kind}/{program.post(f'/{kind}', {'name': 'Jo', 'description': 'Jo sails.'}, status=201)['id']}"
    program.said("GET", f"{path}/avatar", 404)

    assert put(program, f"{path}/avatar", b"<svg/>").status_code == 422
    assert put(program, f"{path}/avatar", b"").status_code == 422
    assert put(program, f"{path}/avatar", png() + b"\0" * PICTURE_BYTES).status_code == 413
    assert put(other, f"{path}/avatar", png()).status_code == 404
    url = put(program, f"{path}/avatar", png()).json["avatar_url"]

    seen = program.call("GET", url)
    assert (seen.data, seen.mimetype, seen.headers["X-Content-Type-Options"]) == (png(), "image/png", "nosniff")
    other.said("GET", url, 404)
    program.said("DELETE", url, 204)
    program.said("GET", url, 404)


def test_a_persona_from_its_making_to_its_end(program, other):
    jo = program.post("/personas", {"name": "Jo", "description": "Jo sails.", "is_default": True}, status=201)
    kim = program.post("/personas", {"name": "Kim", "description": "Kim walks."}, status=201)
    path = f"/personas/{kim['id']}"
    assert program.said("PATCH", path, 200, {"is_default": True}) == {**kim, "is_default": True}
    assert program.get(f"/personas/{jo['id']}")["is_default"] is False
    assert program.said("PATCH", path, 200, {"description": "Kim runs."})["is_default"] is True
    program.said("PATCH", path, 422, {"name": "  "})

    program.said("DELETE", path, 204)
    assert [persona["name"] for persona in program.get("/personas")["personas"]] == ["Jo"]
    assert program.post(f"{path}/restore")["is_default"] is False
    for method in ("GET", "PATCH", "DELETE"):
        other.said(method, path, 404, {} if method == "PATCH" else None)


def put(client: Client, path: str, content: bytes):
    return client.client.put(f"/api/v1{path}", data=content, headers=client.headers, content_type="application/octet-stream")
