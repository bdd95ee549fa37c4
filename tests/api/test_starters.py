"""The cards of the home page in the API: /api/v1/starters."""

from flask import Flask
from sqlalchemy import select

from tests.api.client import Client, client_of
from tests.conftest import signed_in
from tests.support.browser import Browser
from webapp.base.audit import AuditEntry
from webapp.base.db import db


def words(program: Client) -> list[str]:
    return [starter["words"] for starter in program.get("/starters")["starters"]]


def test_everyone_reads_the_cards_that_they_can_open(app: Flask, admin: Client, program: Client) -> None:
    assert words(program) == ["Write something", "Explain a file", "Talk to a character", "Plan my week"]
    assert program.get("/starters/3") == {
        "slot": 3,
        "words": "Talk to a character",
        "hint": "Play out a scene or a story",
        "icon": "drama",
        "opens": "/characters",
        "text": "",
        "takes_files": False,
        "is_shown": True,
        "is_changed": False,
    }
    admin.said("PATCH", "/starters/1", 200, {"opens": "/plans", "words": "Plan it"})
    admin.said("PATCH", "/starters/2", 200, {"is_shown": False})
    guest = client_of(app, signed_in(app, "guest@example.org", "guest").email)

    assert words(program) == ["Plan it", "Talk to a character", "Plan my week"]
    program.said("GET", "/starters/2", 404)
    # Guests can't open plans.
    assert words(guest) == ["Talk to a character", "Plan my week"]
    guest.said("GET", "/starters/1", 404)
    assert words(admin) == ["Plan it", "Explain a file", "Talk to a character", "Plan my week"]
    assert admin.get("/starters/2")["is_shown"] is False


def test_admins_change_and_reset_a_card(admin: Client, member: Browser, app: Flask) -> None:
    changed = admin.said("PATCH", "/starters/4", 200, {"words": "Plan a trip", "text": "Plan a trip to {{where}}."})
    assert (changed["text"], changed["is_changed"]) == ("Plan a trip to {{where}}.", True)
    assert member.page("/begin/4").heading == "Plan a trip"

    again = admin.said("DELETE", "/starters/4", 200)
    assert (again["words"], again["is_changed"]) == ("Plan my week", False)
    with app.app_context():
        entries = [(entry.action, entry.object_id) for entry in db.session.scalars(select(AuditEntry))]
    assert entries[-2:] == [("changed the home page", "4"), ("reset the home page", "4")]


def test_what_does_not_fit_is_refused(admin: Client, program: Client) -> None:
    for body, field in (
        ({"words": ""}, "words"),
        ({"icon": "skull"}, "icon"),
        ({"opens": "https://example.org"}, "opens"),
        ({"opens": "/begin/1"}, "opens"),
        ({"opens": "prompt:nothing"}, "opens"),
        ({"text": "{{a.b}}"}, "text"),
        ({"words": 3}, "words"),
        ({"is_shown": "perhaps"}, "is_shown"),
    ):
        assert list(admin.said("PATCH", "/starters/1", 422, body)["fields"]) == [field], body
    assert words(program)[0] == "Write something"
    for slot in ("0", "5", "one"):
        admin.said("PATCH", f"/starters/{slot}", 404, {"words": "A"})
        admin.said("DELETE", f"/starters/{slot}", 404)
        admin.said("GET", f"/starters/{slot}", 404)


def test_members_cannot_change_a_card(program: Client) -> None:
    program.said("PATCH", "/starters/1", 403, {"words": "Mine"})
    program.said("DELETE", "/starters/1", 403)
    assert words(program)[0] == "Write something"
