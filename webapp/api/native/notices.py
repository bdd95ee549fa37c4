"""/api/v1/devices and /api/v1/me/notices: where and when the caller is told what happens while they aren't looking."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from flask import Blueprint, request
from pydantic import Field

from webapp.api.access import caller, identified
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body, Named
from webapp.operations.notices import push_keys, queries, service
from webapp.operations.notices.sending import EMAIL, WEBHOOK
from webapp.operations.notices.service import Address, ChannelChange, DeviceInput, DeviceName, Key, Time, WebhookInput, Zone
from webapp.people.accounts import agents
from webapp.people.accounts.guards import client_address, full_session
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.notices.kinds import KINDS, KindName
from webapp.people.notices.tables import NoticeChannel

bp = Blueprint("api_notices", __name__, url_prefix="/api/v1")
Kinds = Annotated[
    list[KindName] | None,
    Field(max_length=len(KINDS), description="What is sent here, instead of what was before; all at first."),
]
Words = Annotated[bool | None, Field(description="Whether notices contain texts, such as a chat's title.")]


class ChannelAnswer(Answer):
    kinds: list[KindName]
    words: bool
    delivered_at: datetime | None
    trouble: str = Field(description="Why the last notice didn't arrive; empty if it did.")


class DeviceAnswer(ChannelAnswer, Named):
    created_at: datetime


class DeviceList(Answer):
    devices: list[DeviceAnswer]


class WebhookAnswer(ChannelAnswer):
    url: str


class NoticesAnswer(Answer):
    quiet_from: str = Field(description="A time such as `22:00`; empty without quiet hours.")
    quiet_until: str
    time_zone: str = Field(description="Empty for that of the team.")
    email: ChannelAnswer | None = Field(description="Null if the caller isn't told by email.")
    webhook: WebhookAnswer | None
    webhook_secret: str = Field(description="The secret of a webhook that this request has added, shown only once; else empty.")
    push_key: str = Field(description="The public key of this server, with which a browser subscribes (`applicationServerKey`).")


class SubscriptionKeys(Body):
    p256dh: Key
    auth: Key


class NewDevice(Body):
    """A push subscription, as browsers make it."""

    endpoint: Address = Field(description="Its public address at a push service, by https.")
    keys: SubscriptionKeys
    name: DeviceName = ""


class DeviceChange(Body):
    """Updates only the fields that are sent."""

    name: DeviceName | None = None
    kinds: Kinds = None
    words: Words = None


class EmailChange(Body):
    is_on: bool | None = None
    kinds: Kinds = None
    words: Words = None


class WebhookChange(Body):
    url: Address | None = Field(None, description="A public address, by https; empty removes the webhook.")
    kinds: Kinds = None
    words: Words = None


class NoticesChange(Body):
    """Updates only the fields that are sent."""

    quiet_from: Time | None = Field(None, description="A time such as `22:00`; both empty for no quiet hours.")
    quiet_until: Time | None = None
    time_zone: Zone | None = Field(None, description="Such as `Europe/Berlin`; empty for that of the team.")
    email: EmailChange | None = None
    webhook: WebhookChange | None = None


@bp.get("/devices")
@operation("List the devices that you are told on", scope="read", answer=DeviceList)
def devices() -> DeviceList:
    return DeviceList(devices=_devices(queries.devices_of(caller().id)))


@bp.post("/devices")
@operation(
    "Add a device, by its push subscription",
    scope="chat",
    body=NewDevice,
    answer=DeviceAnswer,
    status=201,
    errors=(409, 422, 429),
)
def add_device(body: NewDevice) -> DeviceAnswer:
    entered = DeviceInput(endpoint=body.endpoint, p256dh=body.keys.p256dh, auth=body.keys.auth, name=body.name)
    session = full_session() if identified().has_cookie else None
    usual_name = agents.in_words(request.user_agent.string) if session else ""
    session_id = session.id if session else None
    channel = service.add_device(caller(), entered, author=_author(), session_id=session_id, usual_name=usual_name)
    return _devices([queries.own_channel(caller().id, channel.id)])[0]


@bp.patch("/devices/<id>")
@operation("Change a device's name, or what is sent to it", scope="chat", body=DeviceChange, answer=DeviceAnswer)
def change_device(id: str, body: DeviceChange) -> DeviceAnswer:
    device = queries.own_device(caller().id, id)
    service.change(caller(), device.id, ChannelChange(name=body.name, kinds=body.kinds, has_words=body.words))
    return _devices([queries.own_device(caller().id, id)])[0]


@bp.delete("/devices/<id>")
@operation("Remove a device", scope="chat", status=204)
def delete_device(id: str) -> None:
    service.remove(caller(), queries.own_device(caller().id, id).id, author=_author())


@bp.get("/me/notices")
@operation("Show when you are told, and where besides your devices", scope="read", answer=NoticesAnswer)
def show() -> NoticesAnswer:
    return _notices()


@bp.patch("/me/notices")
@operation(
    "Change your quiet hours, and notices by email and webhook",
    scope="chat",
    body=NoticesChange,
    answer=NoticesAnswer,
    errors=(409, 422, 429),
)
def change(body: NoticesChange) -> NoticesAnswer:
    me, sent = caller(), body.model_dump(exclude_none=True, include={"quiet_from", "quiet_until", "time_zone"})
    if sent:
        before = queries.preferences_of(me.id)
        service.set_preferences(
            me, service.PreferencesInput(**{name: sent.get(name, getattr(before, name)) for name in PREFERENCES})
        )
    if body.email:
        _change_email(me, body.email)
    return _notices(_change_webhook(me, body.webhook) if body.webhook else "")


PREFERENCES = ("quiet_from", "quiet_until", "time_zone")


def _change_email(me: User, body: EmailChange) -> None:
    channel = queries.channel_by_way(me.id, EMAIL)
    if body.is_on is False:
        return service.remove(me, channel.id, author=_author()) if channel else None
    if channel or body.is_on:
        id = channel.id if channel else service.add_email(me, author=_author()).id
        service.change(me, id, ChannelChange(kinds=body.kinds, has_words=body.words))
    return None


def _change_webhook(me: User, body: WebhookChange) -> str:
    """Returns the secret of a webhook that it has added."""
    channel, secret = queries.channel_by_way(me.id, WEBHOOK), ""
    if body.url == "":
        if channel:
            service.remove(me, channel.id, author=_author())
        return ""
    if body.url is not None:
        secret = service.set_webhook(me, WebhookInput(url=body.url), author=_author())
        channel = queries.channel_by_way(me.id, WEBHOOK)
    if channel:
        service.change(me, channel.id, ChannelChange(kinds=body.kinds, has_words=body.words))
    return secret


def _author() -> PersonAuthor:
    return PersonAuthor(caller(), client_address())


def _about(channel: NoticeChannel) -> dict[str, list[str] | bool]:
    return {"kinds": [name for name in KINDS if name not in channel.muted_kinds], "words": channel.has_words}


def _devices(channels: Sequence[NoticeChannel]) -> list[DeviceAnswer]:
    return [DeviceAnswer.of(channel, **_about(channel)) for channel in channels]


def _notices(secret: str = "") -> NoticesAnswer:
    me = caller()
    email, webhook = queries.channel_by_way(me.id, EMAIL), queries.channel_by_way(me.id, WEBHOOK)
    return NoticesAnswer.of(
        queries.preferences_of(me.id),
        email=ChannelAnswer.of(email, **_about(email)) if email else None,
        webhook=WebhookAnswer.of(webhook, url=webhook.address, **_about(webhook)) if webhook else None,
        webhook_secret=secret,
        push_key=push_keys.public_key(),
    )
