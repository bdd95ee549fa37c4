"""Delivery: what a device, a mailbox and a webhook receive, and what becomes of it when a push service misbehaves."""

import json
import time
from datetime import timedelta
from typing import Any

import gevent
import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.api.client import Client
from tests.operations.notices.conftest import AddDevice
from tests.operations.notices.push_service import PushService, status
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.waiting import seen, until
from tests.upstream.mailbox import mailbox
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db, utc_now, write
from webapp.operations.notices import delivery
from webapp.operations.notices.sending import signature
from webapp.people.accounts.tables import UserSession
from webapp.people.notices.tables import NoticeChannel, NoticeDelivery, NoticePreferences, StoredNotice
from webapp.people.notices.telling import MOST_AN_HOUR, forget_old_notices, tell
from webapp.settings.service import set_settings

LONG_AGO = utc_now() - timedelta(days=2)


def states(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(NoticeDelivery.state).order_by(NoticeDelivery.id)))


def settled(app: Flask, *expected: str) -> None:
    seen(lambda: states(app), lambda found: found == list(expected), f"expected {expected}", seconds=30)


def told(app: Flask, person: str, kind: Any = "answer", path: str = "/chats/c1#message-m1", **more: str) -> None:
    with app.app_context():
        tell(person, kind, "Weir keys", path, "They hang in the mill.", **more)


def due_now(app: Flask) -> None:
    """Lets the time pass until the next attempt."""
    with app.app_context():
        with write() as session:
            session.execute(update(NoticeDelivery).values(due_at=utc_now() - timedelta(seconds=1)))
        delivery.wake()


@also_on_postgres
def test_a_device_is_told_without_its_text_unless_wanted(
    app: Flask, owner: Browser, member: Browser, program: Client, service: PushService, add_device: AddDevice
) -> None:
    device, id = add_device()
    told(app, member.person_id)
    settled(app, "sent")
    (request,) = service.at("/phone")
    payload = device.read(request.body)
    assert {**payload, "tag": ""} == {"title": "An answer is ready", "body": "", "url": "/chats/c1#message-m1", "tag": ""}
    assert request.headers["content-encoding"] == "aes128gcm"
    assert (request.headers["ttl"], request.headers["urgency"]) == ("14400", "normal")
    assert request.claims()["aud"] == service.url
    assert 0 < request.claims()["exp"] - time.time() < 86_400
    # Without an address of this server or of its mail, it names an owner.
    assert request.claims()["sub"] == f"mailto:{owner.email}"
    assert program.get("/devices")["devices"][0]["delivered_at"]

    program.said("PATCH", f"/devices/{id}", 200, {"words": True})
    told(app, member.person_id, path="/chats/c1#message-m2")
    settled(app, "sent", "sent")
    payload = device.read(service.at("/phone")[1].body)
    assert payload["body"] == "Weir keys: They hang in the mill."
    # A newer notice of the same chat replaces the older one.
    assert len({request.headers["topic"] for request in service.at("/phone")}) == 1


def test_only_the_kinds_that_are_wanted_and_the_same_only_once(
    app: Flask, member: Browser, program: Client, service: PushService, add_device: AddDevice
) -> None:
    _, id = add_device()
    program.said("PATCH", f"/devices/{id}", 200, {"kinds": ["waiting"]})
    told(app, member.person_id)
    for _ in range(3):
        told(app, member.person_id, "waiting", once="waiting g1")
    settled(app, "sent")
    assert [request.headers["urgency"] for request in service.received] == ["high"]


def test_a_device_that_is_gone_is_forgotten(app: Flask, member: Browser, program: Client, service, add_device: AddDevice) -> None:
    for number in (404, 410):
        add_device(f"/{number}")
        service.says[f"/{number}"] = [status(number)]
    add_device("/left")
    told(app, member.person_id)
    settled(app, "sent")
    assert [device["name"] for device in program.get("/devices")["devices"]] == ["left"]


@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        (status(429, "Retry-After: 900\r\n"), "status 429"),
        (status(503), "status 503"),
        (b"", "closed the connection"),
        (b"NONSENSE\r\n\r\n", ""),
    ],
)
def test_a_push_service_in_trouble_is_asked_again(
    app: Flask, member: Browser, program: Client, service: PushService, add_device: AddDevice, reply: bytes, trouble: str
) -> None:
    add_device()
    service.says["/phone"] = [reply]
    told(app, member.person_id)
    (device,) = seen(lambda: program.get("/devices")["devices"], lambda devices: devices[0]["trouble"])
    assert trouble in device["trouble"]
    if b"NONSENSE" in reply:
        return
    with app.app_context():
        row = db.session.scalars(select(NoticeDelivery)).one()
        least = 890 if b"900" in reply else 5
        assert (row.state, row.due_at > utc_now() + timedelta(seconds=least)) == ("waiting", True)
    due_now(app)
    settled(app, "sent")
    assert program.get("/devices")["devices"][0]["trouble"] == ""


def test_it_is_given_up_after_some_attempts_or_a_refusal(
    app: Flask, member: Browser, program: Client, service: PushService, add_device: AddDevice
) -> None:
    add_device()
    add_device("/refusing")
    service.says["/phone"] = [status(500)] * 9
    service.says["/refusing"] = [status(403)]
    told(app, member.person_id)
    for attempt in range(1, len(delivery.AGAIN_SECONDS) + 2):
        seen(
            lambda: (len(service.at("/phone")), bool(delivery.HERE.of(app))), lambda found, tried=attempt: found == (tried, False)
        )
        due_now(app)
    until(lambda: sorted(states(app)) == ["failed", "failed"], "both are given up")
    assert (len(service.at("/phone")), len(service.at("/refusing"))) == (len(delivery.AGAIN_SECONDS) + 1, 1)


def test_one_that_hangs_or_sends_without_end_holds_up_nobody(
    app: Flask, member: Browser, service: PushService, add_device: AddDevice
) -> None:
    add_device("/hanging")
    add_device("/endless")
    add_device("/phone")
    service.says["/hanging"] = [None]
    service.says["/endless"] = [b"HTTP/1.1 201 Created\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 65_536]
    told(app, member.person_id)
    until(lambda: sorted(states(app)) == ["sent", "sent", "waiting"], "the others are told", seconds=60)
    assert delivery.HERE.of(app)


def test_what_comes_in_quiet_hours_is_one_summary_afterwards(
    app: Flask, member: Browser, program: Client, service: PushService, add_device: AddDevice
) -> None:
    device, _ = add_device()
    now = utc_now()
    hours = {"quiet_from": f"{now - timedelta(hours=1):%H:%M}", "quiet_until": f"{now + timedelta(hours=2):%H:%M}"}
    assert program.said("PATCH", "/me/notices", 200, {**hours, "time_zone": "UTC"})["time_zone"] == "UTC"
    told(app, member.person_id)
    told(app, member.person_id, path="/chats/c2")
    told(app, member.person_id, "waiting")
    assert states(app) == ["waiting"] * 3
    assert member.page("/settings/notices").says("after your quiet hours")
    with app.app_context(), write() as session:
        session.execute(update(UserSession).values(seen_at=LONG_AGO))
    due_now(app)
    settled(app, "sent", "sent", "sent")
    (request,) = service.received
    payload = device.read(request.body)
    assert (payload["title"], payload["url"]) == ("3 notifications from your quiet hours", "/settings/notices")
    assert payload["body"] == "2 answers are ready · 1 call waits for you"


def test_held_answers_are_left_out_if_their_person_was_here_since(
    app: Flask, member: Browser, program: Client, service: PushService, add_device: AddDevice
) -> None:
    device, _ = add_device()
    with app.app_context(), write() as session:
        now = utc_now()
        hours = {"quiet_from": f"{now - timedelta(hours=1):%H:%M}", "quiet_until": f"{now + timedelta(hours=2):%H:%M}"}
        session.add(NoticePreferences(user_id=member.person_id, time_zone="UTC", **hours))
    told(app, member.person_id)
    told(app, member.person_id, "waiting")
    with app.app_context(), write() as session:
        session.execute(update(UserSession).values(seen_at=utc_now()))
    due_now(app)
    settled(app, "dropped", "sent")
    assert [device.read(request.body)["title"] for request in service.received] == ["A call waits for you"]


def test_email_and_a_signed_webhook(app: Flask, member: Browser, program: Client, service: PushService) -> None:
    with mailbox() as box, app.app_context():
        set_settings({"mail.host": "127.0.0.1", "mail.port": str(box.port), "mail.security": "none"}, author=COMMAND_LINE)
        set_settings({"mail.from": "millrace@example.org"}, author=COMMAND_LINE)
        program.said("PATCH", "/me/notices", 200, {"email": {"is_on": True}})
        answer = program.said("PATCH", "/me/notices", 200, {"webhook": {"url": f"{service.url}/hook", "words": True}})
        told(app, member.person_id)
        settled(app, "sent", "sent")
        (mail,) = box.mails
        assert (mail["To"], mail["Subject"]) == (member.email, "[Millrace] An answer is ready")
        assert "Weir keys" not in mail.get_content()
        assert "/chats/c1#message-m1" in mail.get_content()
    (request,) = service.at("/hook")
    secret, headers = answer["webhook_secret"], request.headers
    assert secret.startswith("whsec_")
    assert program.get("/me/notices")["webhook_secret"] == ""
    assert headers["webhook-signature"] == signature(
        secret, headers["webhook-id"], int(headers["webhook-timestamp"]), request.body
    )
    body = json.loads(request.body)
    assert (body["type"], body["data"]["text"]) == ("notice.answer", "Weir keys: They hang in the mill.")
    with app.app_context():
        assert secret not in db.session.scalars(select(NoticeChannel.secret)).all()
    off = program.said("PATCH", "/me/notices", 200, {"email": {"is_on": False}, "webhook": {"url": ""}})
    assert (off["email"], off["webhook"]) == (None, None)
    told(app, member.person_id)
    assert len(service.received) == 1


def test_what_is_old_after_days_without_a_server_is_left_out(
    app: Flask, member: Browser, service: PushService, add_device: AddDevice
) -> None:
    add_device()
    service.says["/phone"] = [status(503, "Retry-After: 900\r\n")]
    told(app, member.person_id)
    until(lambda: service.received and not delivery.HERE.of(app), "it was tried")
    with app.app_context(), write() as session:
        session.execute(update(StoredNotice).values(created_at=LONG_AGO))
    due_now(app)
    settled(app, "dropped")


def test_they_are_deleted_after_a_week(app: Flask, member: Browser, service: PushService, add_device: AddDevice) -> None:
    add_device()
    told(app, member.person_id)
    settled(app, "sent")
    with app.app_context():
        forget_old_notices()
        assert states(app) == ["sent"]
        with write() as session:
            session.execute(update(StoredNotice).values(created_at=utc_now() - timedelta(days=8)))
        forget_old_notices()
    assert states(app) == []


def test_standard_webhooks_example() -> None:
    # From the specification's reference libraries.
    secret, id, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
    assert signature(secret, id, at, b'{"test": 2432232314}') == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@on_both_databases
def test_each_notice_is_sent_once_by_two_workers(member: Browser, service: PushService, add_device) -> None:
    """Both claim at the same time: one gets it."""
    add_device()
    app = member.app
    with app.app_context(), write() as session:
        session.add(
            StoredNotice(id="n1", user_id=member.person_id, kind="answer", title="T", subject="", words="", path="/", once="1")
        )
        session.flush()
        channel_id = session.scalars(select(NoticeChannel.id)).one()
        session.add(NoticeDelivery(notice_id="n1", channel_id=channel_id, due_at=LONG_AGO))

    def claim() -> bool:
        with app.app_context():
            return delivery.claim(channel_id, utc_now()) is not None

    claims = [gevent.spawn(claim) for _ in range(8)]
    gevent.joinall(claims, raise_error=True)
    assert [greenlet.value for greenlet in claims].count(True) == 1
    with app.app_context():
        # If the worker has died, another one takes it over later.
        assert delivery.claim(channel_id, utc_now() + delivery.CLAIMED + timedelta(seconds=1))


def test_a_person_is_not_flooded(app: Flask, member: Browser, service: PushService, add_device: AddDevice) -> None:
    add_device()
    with app.app_context(), write() as session:
        about = {"user_id": member.person_id, "kind": "answer", "title": "T", "subject": "", "words": "", "path": "/"}
        session.add_all(StoredNotice(once=str(number), **about) for number in range(MOST_AN_HOUR))
    told(app, member.person_id)
    assert states(app) == []


def test_a_payload_stays_small(app: Flask, member: Browser, program: Client, service: PushService, add_device: AddDevice) -> None:
    device, id = add_device()
    program.said("PATCH", f"/devices/{id}", 200, {"words": True})
    with app.app_context():
        tell(member.person_id, "answer", "😀\x07" * 5_000, "/chats/c1", '"\x01😀' * 50_000)
    settled(app, "sent")
    (request,) = service.received
    assert len(request.body) < 3_000
    assert device.read(request.body)["body"].startswith("😀")
