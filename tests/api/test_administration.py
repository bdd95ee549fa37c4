"""The API for admins: settings, connections, accounts, invites; keys can be written and never read."""

from flask import Flask

from tests.api.client import Client
from webapp.settings.service import setting

KEY = "sk-secret-key-that-nobody-sees-1234"


def test_settings_are_listed_changed_and_reset(admin: Client, app: Flask) -> None:
    listed = {row["name"]: row for row in admin.get("/settings")["settings"]}
    assert listed["trash.days"]["value"] == 30
    assert listed["demo.fallback"]["choices"] == ["off", "when_no_key", "always"]

    for name, value in (
        ("trash.days", 7),
        ("demo.visitors", False),
        ("models.allowed", ["a/b", "c/d"]),
        ("models.temperature", 0.5),
    ):
        changed = admin.said("PUT", f"/settings/{name}", 200, {"value": value})
        assert (changed["value"], changed["source"], changed["changed_by"]) == (value, "stored", "owner")
    with app.app_context():
        assert setting("trash.days") == 7
    assert admin.said("DELETE", "/settings/trash.days", 200)["source"] == "default"
    assert admin.said("PUT", "/settings/trash.days", 422, {"value": "soon"})["fields"].keys() == {"value"}
    admin.said("PUT", "/settings/nothing.here", 404, {"value": 1})
    admin.said("GET", "/settings/nothing.here", 404)


def test_a_connection_from_its_making_to_its_end(admin: Client, fake) -> None:
    body = {"kind": "openai", "name": "Here", "base_url": fake.base_url, "key": KEY}
    made = admin.post("/connections", body, status=201)
    assert (made["slug"], made["key_source"], made["key_last_four"]) == ("here", "stored", "1234")
    assert admin.post("/connections/here/test")["is_working"] is True
    assert [connection["slug"] for connection in admin.get("/connections")["connections"]] == ["openrouter", "here"]

    changed = admin.said("PATCH", "/connections/here", 200, {"name": "There", "is_enabled": False})
    assert (changed["name"], changed["is_enabled"], changed["key_source"]) == ("There", False, "stored")
    assert changed["reasoning_tags"] == "auto"
    assert admin.said("PATCH", "/connections/here", 200, {"reasoning_tags": "off"})["reasoning_tags"] == "off"
    # A key is never sent to an address that it was not entered for.
    refused = admin.said("PATCH", "/connections/here", 422, {"base_url": "http://127.0.0.1:1/v1"})
    assert list(refused["fields"]) == ["key"]
    admin.said("PUT", "/connections/here/key", 204, {"key": KEY[:-4] + "5678"})
    assert admin.get("/connections/here")["key_last_four"] == "5678"
    admin.said("DELETE", "/connections/here/key", 204)
    assert admin.get("/connections/here")["key_source"] == "none"
    admin.said("DELETE", "/connections/here", 204)
    admin.said("GET", "/connections/here", 404)
    assert admin.said("DELETE", "/connections/openrouter", 409)["code"] == "conflict"


def test_no_key_is_in_any_answer(admin: Client, fake) -> None:
    admin.post("/connections", {"kind": "openai", "name": "Here", "base_url": fake.base_url, "key": KEY}, status=201)
    for path in ("/connections", "/connections/here", "/settings", "/capabilities", "/models"):
        assert KEY not in admin.call("GET", path).get_data(as_text=True)


def test_people_are_invited_changed_and_deleted(admin: Client, member, nobody: Client) -> None:
    link = admin.post("/users/invites", {"role": "guest", "email": "new@example.org"}, status=201)["link"]
    assert "/invite/" in link
    invite = admin.get("/users/invites")["invites"][0]
    assert (invite["role"], invite["email"]) == ("guest", "new@example.org")
    admin.said("DELETE", f"/users/invites/{invite['id']}", 204)
    assert admin.get("/users/invites")["invites"] == []

    id = next(person["id"] for person in admin.get("/users")["users"] if person["email"] == member.email)
    assert admin.said("PATCH", f"/users/{id}", 200, {"role": "guest"})["role"] == "guest"
    assert admin.said("PATCH", f"/users/{id}", 200, {"is_disabled": True})["disabled_at"]
    assert admin.said("PATCH", f"/users/{id}", 200, {"is_disabled": False})["disabled_at"] is None
    assert admin.said("DELETE", f"/users/{id}", 422)["fields"].keys() == {"email"}
    receipt = admin.said("DELETE", f"/users/{id}", 200, query={"email": member.email})
    assert (receipt["email"], receipt["heir"], receipt["left"]) == (member.email, "", [])
    admin.said("GET", f"/users/{id}", 404)
    me = admin.get("/me")
    assert admin.said("PATCH", f"/users/{me['id']}", 409, {"is_disabled": True})["code"] == "conflict"


def test_a_model_has_a_name_beside_its_id(admin: Client, fake) -> None:
    fake.always({"json": {"data": [{"id": "meta-llama/llama-3.3-70b-instruct"}]}}, at="/models")
    admin.post("/connections", {"kind": "openai", "name": "Here", "base_url": fake.base_url, "key": KEY}, status=201)
    admin.post("/connections/here/test")
    id = "here:meta-llama/llama-3.3-70b-instruct"

    def listed() -> tuple[str, str]:
        return next((model["name"], model["maker"]) for model in admin.get("/models")["models"] if model["id"] == id)

    assert listed() == ("Llama 3.3 70B", "Meta")
    chat = admin.post("/chats", {"model": id}, status=201)["chat"]
    assert (chat["model"], chat["model_name"]) == (id, "Llama 3.3 70B")
    assert admin.said("PATCH", "/models", 200, {"id": id, "name": "The big one"})["name"] == "The big one"
    assert listed() == ("The big one", "Meta")
    assert admin.get(f"/chats/{chat['id']}")["model_name"] == "The big one"
    assert admin.said("PATCH", "/models", 200, {"id": id, "name": ""})["name"] == "Llama 3.3 70B"
    admin.said("PATCH", "/models", 404, {"id": "not/there", "name": "X"})
    assert list(admin.said("PATCH", "/models", 422, {"id": id, "name": "x" * 81})["fields"]) == ["name"]
