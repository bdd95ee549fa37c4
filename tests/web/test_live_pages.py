"""Pages of single objects that others share: their streams end when an object is no longer shared, or is deleted."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client, client_of
from tests.chat.listener import Listener, listen
from tests.support.browser import Browser

__all__ = ["listen"]
AT_ONCE = 6


def granted(program: Client, kind: str, stranger: Browser) -> str:
    id = str(program.post(f"/{kind}", {"name": "Mill"}, status=201)["id"])
    program.said("PUT", f"/{kind}/{id}/grants", 200, {"to": "user", "to_id": stranger.person_id})
    return id


def character(program: Client, _kind: str, _stranger: Browser) -> str:
    return str(program.post("/characters", {"name": "Mara", "description": "A miller.", "is_shared": True}, status=201)["id"])


def withdraw(program: Client, kind: str, id: str) -> None:
    (grant,) = program.get(f"/{kind}/{id}/grants")["grants"]
    program.said("DELETE", f"/{kind}/{id}/grants/{grant['id']}", 204)


def close(program: Client, _kind: str, id: str) -> None:
    program.said("PATCH", f"/characters/{id}", 200, {"is_shared": False})


def delete(program: Client, kind: str, id: str) -> None:
    program.said("DELETE", f"/{kind}/{id}", 204)


def document(program: Client, _kind: str, stranger: Browser) -> str:
    id = granted(program, "collections", stranger)
    sent = {"text": "Rye is sown in autumn.", "title": "Rye"}
    return str(program.post(f"/collections/{id}/documents", sent, status=202)["documents"][0]["id"])


CASES: list[tuple[str, Callable[..., str], Callable[..., None]]] = [
    ("lorebooks", granted, withdraw),
    ("lorebooks", granted, delete),
    ("presets", granted, withdraw),
    ("presets", granted, delete),
    ("characters", character, close),
    ("characters", character, delete),
    ("documents", document, delete),
]


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("kind", "share", "end"), CASES)
def test_a_page_notices_that_its_object_is_gone(
    app: Flask, member: Browser, stranger: Browser, listen: Callable[..., Listener], kind: str, share: Any, end: Any
) -> None:
    program = client_of(app, member.email)
    id = share(program, kind, stranger)
    path = f"/knowledge/documents/{id}" if kind == "documents" else f"/{kind}/{id}"
    url = str(stranger.page(path).one("#sidebar-chats").attributes["hx-sse:connect"])
    tab = listen(stranger, url)
    tab.until(lambda tab: tab.raw)

    end(program, kind, id)

    tab.until(lambda tab: tab.greenlet.dead, seconds=AT_ONCE)
    # What it asks for again is refused, so that the page is loaded again, as it would be without scripts.
    assert [stranger.get(place).status_code for place in (url, path)] == [404, 404]


def test_a_page_of_something_that_is_not_there_has_no_stream(member: Browser) -> None:
    for page in ("preset:none", "nothing:none", "preset"):
        assert member.get(f"/lists/sidebar/events?page={page}").status_code == 404


@pytest.mark.parametrize(("kind", "permission"), [("knowledge", "knowledge"), ("lorebooks", "characters")])
def test_a_page_notices_that_its_person_has_lost_a_permission(
    app: Flask, owner: Browser, member: Browser, listen: Callable[..., Listener], kind: str, permission: str
) -> None:
    made = client_of(app, member.email).post("/collections" if kind == "knowledge" else f"/{kind}", {"name": "Mill"}, status=201)
    feed = member.page(f"/{kind}/{made['id']}").one("#knowledge-feed" if kind == "knowledge" else "#sidebar-chats")
    url = str(feed.attributes["hx-sse:connect"])
    tab = listen(member, url)
    tab.until(lambda tab: tab.raw)

    client_of(app, owner.email).said("PUT", "/permissions", 200, {"roles": {"member": {permission: False}}})

    tab.until(lambda tab: tab.greenlet.dead, seconds=AT_ONCE)
    assert member.get(f"/{kind}/{made['id']}").status_code == 403
    assert member.get(url).status_code in (403, 404)
