"""The page and the API of notices: devices, email, webhook and quiet hours, and what goes with a session or an account."""

import json
import re
import time
from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import gevent
import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.api.client import Client, client_of
from tests.chat.conftest import ended
from tests.chat.listener import Listener, listen
from tests.operations.notices.conftest import AddDevice
from tests.operations.notices.push_service import Device, PushService, status
from tests.operations.notices.test_delivery import settled, states, told
from tests.support.browser import Browser
from tests.support.rounds import ROUNDS
from tests.support.server import UNLIMITED
from tests.support.statements import statements
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db
from webapp.chat.messages.end_notices import AWAY_SECONDS
from webapp.engine.engine import ENGINE
from webapp.engine.state.presence import Presence
from webapp.operations.budgets import notices as budget_notices
from webapp.operations.notices.sending import TRUST
from webapp.operations.notices.service import MOST_DEVICES
from webapp.people.members import service as people_service
from webapp.people.notices import kinds
from webapp.people.notices.tables import NoticeChannel, StoredNotice
from webapp.people.notices.telling import is_reachable
from webapp.settings.secrets.encryption import stored
from webapp.settings.service import set_settings

__all__ = ["listen"]
PAGE = "/settings/notices"
ANSWERS = 100 if ROUNDS > 1 else 12
Listen = Callable[..., Listener]


def fields(service: PushService, path: str = "/phone", **more: str) -> dict[str, str]:
    return {"endpoint": service.url + path, "name": "", **Device().keys, **more}


def soon(app: Flask) -> None:
    """Lets people be away at once."""
    AWAY_SECONDS.set(0.01, app)


def channels(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(NoticeChannel)) or 0


def test_a_browser_becomes_a_device_and_goes_with_its_session(app: Flask, member: Browser, service: PushService) -> None:
    page = member.page(PAGE)
    form = page.one("form[data-push]")
    assert re.fullmatch(r"[\w-]{87}", str(form.attributes["data-push"]))
    assert "hidden" in form.attributes
    assert {node.attributes["name"] for node in form.css("input")} == {"endpoint", "p256dh", "auth", "name"}
    assert member.post(str(form.attributes["action"]), **fields(service)).location == PAGE
    page = member.page(PAGE)
    assert page.says("This device is told from now on.")
    assert page.says("nothing sent yet")
    # Registered again, it is the same device.
    member.post("/settings/devices", **fields(service, name="My phone"))
    assert channels(app) == 1
    assert member.page(PAGE).says("My phone")
    with app.app_context():
        assert is_reachable(member.person_id)
    member.post("/logout")
    assert channels(app) == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"endpoint": "http://push.example.net/1"}, "The address must begin with https://."),
        ({"endpoint": "https://127.0.0.1/1"}, "The address must be public"),
        ({"endpoint": "https://[::1]/1"}, "The address must be public"),
        ({"endpoint": "https://10.0.0.7/1"}, "The address must be public"),
        ({"endpoint": "https://localhost/1"}, "The address must be public"),
        ({"endpoint": "https://a:b@push.example.net/1"}, "can't contain a user name"),
        ({"endpoint": "ftp://push.example.net"}, "must start with http"),
        ({"endpoint": "https://push.example.net/" + "a" * 1_000}, "characters too long"),
        ({"endpoint": ""}, "must start with http"),
        ({"p256dh": "A" * 87}, "These aren't valid push keys"),
        ({"auth": ""}, "These aren't valid push keys"),
        ({"auth": "a" * 201}, "too long"),
        ({"name": "a" * 61}, "up to 60 characters"),
    ],
)
def test_what_is_no_device_is_refused(app: Flask, member: Browser, change: dict[str, str], sentence: str) -> None:
    entered = {**fields(PushService("https://push.example.net")), **change}
    page = member.post("/settings/devices", **entered)
    assert page.status_code == 422
    assert page.says(sentence) or "too long" in sentence + page.text
    assert channels(app) == 0


def test_a_name_that_leads_into_this_network_is_not_asked(
    app: Flask, member: Browser, service: PushService, add_device: AddDevice
) -> None:
    _, id = add_device()
    TRUST.set("public", app)
    page = member.page(f"{PAGE}/{id}").press("Send a test")
    assert page.says("The test didn't arrive.")
    assert not service.received


def test_devices_are_limited_and_belong_to_one_person(
    app: Flask, program: Client, other: Client, service: PushService, add_device: AddDevice
) -> None:
    first, *_ = [add_device(f"/{number}")[0] for number in range(MOST_DEVICES)]
    body = {"endpoint": f"{service.url}/more", "keys": Device().keys}
    assert "which is the limit" in program.said("POST", "/devices", 409, body)["detail"]
    # Who knows only the address of someone's device doesn't get it; a browser that two people share has the same keys.
    taken = {"endpoint": f"{service.url}/0", "keys": Device().keys}
    assert "someone else's" in other.said("POST", "/devices", 409, taken)["detail"]
    half = {**taken, "keys": {**Device().keys, "p256dh": first.keys["p256dh"]}}
    assert "someone else's" in other.said("POST", "/devices", 409, half)["detail"]
    assert len(program.get("/devices")["devices"]) == MOST_DEVICES
    other.post("/devices", {**taken, "keys": first.keys}, status=201)
    assert len(program.get("/devices")["devices"]) == MOST_DEVICES - 1
    assert len(other.get("/devices")["devices"]) == 1
    id = other.get("/devices")["devices"][0]["id"]
    program.said("PATCH", f"/devices/{id}", 404, {"name": "Mine"})
    program.said("DELETE", f"/devices/{id}", 404)
    other.said("DELETE", f"/devices/{id}", 204)


def test_a_channel_is_changed_tested_and_removed(
    app: Flask, member: Browser, program: Client, service: PushService, add_device: AddDevice
) -> None:
    device, id = add_device()
    page = member.page(f"{PAGE}/{id}")
    assert page.press("Send a test").says("The push service has taken the test.")
    assert device.read(service.received[0].body)["title"] == "A test of your notices"
    assert member.post(f"{PAGE}/{id}", name="My phone", kinds="waiting", has_words="y").status_code == 303
    assert member.page(f"{PAGE}/{id}").says("Saved.")
    found = program.get("/devices")["devices"][0]
    assert (found["name"], found["kinds"], found["words"]) == ("My phone", ["waiting"], True)
    service.says["/phone"] = [status(500), status(403), status(301, "Location: /x\r\n")]
    for words in ("answered with status 500", "answered with status 403", "redirects to another address"):
        assert member.page(f"{PAGE}/{id}").press("Send a test").says(words)
    service.says["/phone"] = [status(410)]
    assert member.page(f"{PAGE}/{id}").press("Send a test").says("It was removed from the list.")
    assert member.get(f"{PAGE}/{id}").status_code == 404


def test_a_webhook_has_a_secret_that_is_shown_once(app: Flask, member: Browser, service: PushService) -> None:
    page = member.submit(PAGE, url=f"{service.url}/hook")
    secret = str(page.one("#once-secret").attributes["value"])
    assert secret.startswith("whsec_")
    assert secret not in member.page(PAGE).text
    page = member.page(PAGE).one(".entries a").attributes["href"]
    again = member.page(str(page)).press("Create new secret")
    assert str(again.one("#once-secret").attributes["value"]) not in ("", secret)
    assert member.submit(PAGE, url=f"{service.url}/other").says("Webhook changed.")
    assert member.page(str(page)).press("Send a test").says("The webhook has taken the test.")
    with app.app_context():
        assert {secret.name for _, secret in stored()} >= {"Push notification key", "Notification secret of webhook"}
    assert member.page(str(page)).press("Remove").says("Webhook isn't told any more.")


def test_without_a_mail_server_nobody_is_told_by_email(member: Browser, program: Client) -> None:
    assert member.page(PAGE).says("This server can’t send email yet.")
    assert "can't send email" in program.said("PATCH", "/me/notices", 409, {"email": {"is_on": True}})["detail"]


@pytest.mark.parametrize(
    ("hours", "field"),
    [
        (("22:00", "07:00", "Europe/Berlin"), ""),
        (("", "", ""), ""),
        (("22:00", "", ""), "quiet_until"),
        (("", "07:00", ""), "quiet_from"),
        (("24:00", "07:00", ""), "quiet_from"),
        (("22:00", "7", ""), "quiet_until"),
        (("22:00", "07:00", "Europe/Atlantis"), "time_zone"),
        (("22:00", "07:00", "../../etc/passwd"), "time_zone"),
    ],
)
def test_quiet_hours_are_two_times(member: Browser, program: Client, hours: tuple[str, str, str], field: str) -> None:
    entered = dict(zip(("quiet_from", "quiet_until", "time_zone"), hours, strict=True))
    page = member.submit(PAGE, **entered)
    assert page.status_code == (422 if field else 200)
    program.said("PATCH", "/me/notices", 422 if field else 200, entered)
    if not field:
        assert {name: program.get("/me/notices")[name] for name in entered} == entered


def test_an_answer_that_nobody_watched_is_told(
    app: Flask, member: Browser, service: PushService, add_device: AddDevice, fake: Upstream
) -> None:
    device, _ = add_device()
    soon(app)
    fake.says("**In** the mill.")
    path = member.post("/chats", message="Where are the keys?").location
    settled(app, "sent")
    payload = device.read(service.received[0].body)
    assert payload["url"].partition("#")[0] == path.partition("#")[0]
    assert (payload["title"], payload["body"]) == ("An answer is ready", "")
    with app.app_context():
        assert db.session.scalars(select(StoredNotice.words)).one() == "In the mill."
    assert member.page(PAGE).says("Where are the keys?")


def test_an_answer_that_failed_says_so(
    app: Flask, member: Browser, service: PushService, add_device: AddDevice, fake: Upstream
) -> None:
    device, _ = add_device()
    soon(app)
    fake.always({"status": 400})
    member.post("/chats", message="Where are the keys?")
    settled(app, "sent")
    assert device.read(service.received[0].body)["title"] == "An answer failed"


def test_who_watches_or_has_just_asked_is_not_told(
    app: Flask, member: Browser, service: PushService, add_device: AddDevice, fake: Upstream
) -> None:
    add_device()
    member.wait_for(member.post("/chats", message="Where are the keys?").location.partition("#")[0], ended)
    assert states(app) == []


def test_short_answers_that_a_program_asks_for_are_told(
    app: Flask, program: Client, service: PushService, add_device: AddDevice, fake: Upstream
) -> None:
    add_device()
    soon(app)
    for text in ("Where are the keys?", "And the boots?"):
        program.ended(program.post("/chats", {"message": text}, status=201)["sent"])
    settled(app, "sent", "sent")


@pytest.mark.parametrize("calls", [[], [{"tool": "ask_person", "arguments": {"question": "Which?", "choices": ["Red", "Blue"]}}]])
def test_a_server_that_stops_tells_before_it_has_gone(
    app: Flask, member: Browser, service: PushService, add_device: AddDevice, fake: Upstream, calls: list[Any]
) -> None:
    add_device()
    AWAY_SECONDS.set(600.0, app)
    fake.always({"rounds": [{"says": "Hm.", "calls": calls}]})
    member.post("/chats", message="Where are the keys?", tools="ask_person")
    until(lambda: not ENGINE.of(app).live, "the answer has ended or waits")
    with app.app_context():
        assert not db.session.scalars(select(StoredNotice.kind)).all()
    ENGINE.of(app).finish(seconds=30)
    with app.app_context():
        assert db.session.scalars(select(StoredNotice.kind)).one() == ("waiting" if calls else "answer")


def test_of_an_answer_that_was_seen_to_its_end_nothing_is_told(
    app: Flask, program: Client, service: PushService, add_device: AddDevice, fake: Upstream
) -> None:
    add_device()
    sent = program.post("/chats", {"message": "Where are the keys?"}, status=201)["sent"]
    assert program.events(f"/generations/{sent['generation_id']}/events")[-1].event == "ended"
    program.ended(program.post("/chats", {"message": "And the boots?"}, status=201)["sent"])
    settled(app, "sent")


@pytest.mark.rounds
def test_each_answer_is_told_once_or_seen_whenever_it_is_left(
    app: Flask, member: Browser, owner: Browser, service: PushService, add_device: AddDevice, fake: Upstream, listen: Listen
) -> None:
    add_device()
    add_device("/owner", client_of(app, owner.email))
    fake.counts(10, pace=0.04)
    with app.app_context():
        set_settings(dict.fromkeys(UNLIMITED, "0"), author=COMMAND_LINE)
    pages, was_shown = dict[str, Listener](), dict[str, bool]()
    for number in range(ANSWERS):
        browser = (member, owner)[number % 2]
        path = browser.post("/chats", message="Count").location.partition("#")[0]
        page = browser.page(path)
        was_shown[path] = ended(page)
        pages[path] = listen(browser, page.events_url)
        # From its beginning until well after its end.
        gevent.spawn_later(number / ANSWERS, pages[path].close)
    engine, closed = ENGINE.of(app), time.monotonic() + 1
    # An answer is decided on a moment after its end, which can come late.
    until(lambda: time.monotonic() > closed and not (engine.live or engine.other_requests), "all have been told")
    with app.app_context():
        told_paths = [path.partition("#")[0] for path in db.session.scalars(select(StoredNotice.path))]
    for path, page in pages.items():
        assert told_paths.count(path) <= 1
        is_seen = was_shown[path] or page.statuses()[-1:] == ["completed"]
        assert told_paths.count(path) == 1 or is_seen, f"{path} was neither told nor seen"
    assert told_paths


def test_presence_knows_whose_watchers_are_here() -> None:
    presence = Presence(lambda: 0.0)
    presence.arrive("chat:c", "ada")
    presence.arrive("chat:c", "ada")
    presence.arrive("chat:c", "bob")
    presence.leave("chat:c", "ada")
    assert [presence.has("chat:c", person) for person in ("ada", "bob", "eve")] == [True, True, False]
    presence.leave("chat:c", "ada")
    assert [presence.has("chat:c", person) for person in ("ada", "bob")] == [False, True]


def test_a_budget_is_told_once_in_its_period(
    app: Flask, member: Browser, owner: Browser, service: PushService, add_device: AddDevice
) -> None:
    from webapp.operations.budgets.service import BudgetInput, create
    from webapp.operations.budgets.tables import BudgetPeriod

    device, _ = add_device()
    with app.app_context():
        entered = BudgetInput(who="user", who_id=member.person_id, unit="answers", limit=Decimal(10), period="day")
        budget_id = create(entered, author=COMMAND_LINE).id
        budget_notices.check()
        for used in (8, 9, 10, 11):
            period = db.session.scalars(select(BudgetPeriod).where(BudgetPeriod.budget_id == budget_id)).one()
            period.used = used
            db.session.commit()
            budget_notices.check()
            budget_notices.TOLD.get().clear()
            budget_notices.check()
    settled(app, "sent", "sent")
    assert [device.read(request.body)["title"] for request in service.received] == [
        "80 % of your budget is used",
        "Your budget is used up",
    ]


def test_nobody_with_channels_costs_no_statement(app: Flask, member: Browser) -> None:
    with app.app_context():
        is_reachable(member.person_id)
    with statements(app) as said:
        told(app, member.person_id)
        with app.app_context():
            budget_notices.check()
    assert [statement for statement, _ in said if "notice" in statement] == []


def test_all_goes_with_the_account(app: Flask, member: Browser, service: PushService, add_device: AddDevice) -> None:
    add_device()
    told(app, member.person_id)
    settled(app, "sent")
    with app.app_context():
        receipt = people_service.erase_person(member.email)
        counts = {line.words: line.count for line in receipt.of("erased")}
        assert (counts["notice channels"], counts["notices"]) == (1, 1)
        assert not receipt.left


def test_the_kinds_are_those_of_the_api() -> None:
    assert tuple(kinds.KINDS) == kinds.KindName.__args__


def test_a_call_that_waits_is_told(
    app: Flask, member: Browser, service: PushService, add_device: AddDevice, fake: Upstream
) -> None:
    device, _ = add_device()
    soon(app)
    ask = {"tool": "ask_person", "arguments": {"question": "Which?", "choices": ["Red", "Blue"]}}
    fake.always({"rounds": [{"says": "Hm.", "calls": [ask]}, {"says": "So be it."}]})
    path = member.post("/chats", message="Go", tools="ask_person").location.partition("#")[0]
    settled(app, "sent")
    payload = device.read(service.received[0].body)
    assert (payload["title"], payload["url"].partition("#")[0]) == ("A call waits for you", path)


def test_the_export_has_them_without_keys(app: Flask, member: Browser, service: PushService, add_device: AddDevice) -> None:
    add_device()
    told(app, member.person_id)
    settled(app, "sent")
    archive = ZipFile(BytesIO(member.client.get("/export.zip", base_url=member.origin).data))
    exported = json.loads(archive.read("notices.json"))
    assert exported["channels"] == [{"way": "push", "name": "phone", "muted_kinds": [], "has_words": False}]
    assert [notice["subject"] for notice in exported["notices"]] == ["Weir keys"]
