"""What people do with notices: add, change, test and remove channels, and choose their quiet hours."""

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from pydantic import Field, StringConstraints
from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Invalid
from webapp.base.ids import new_id
from webapp.base.inputs import Changes, Input, OneLine, checked_by
from webapp.base.languages import gettext as _
from webapp.engine.engine import the_engine
from webapp.models.providers.base import ProviderError
from webapp.models.upstream import Stopped
from webapp.models.upstream.addresses import is_allowed, parts_of
from webapp.operations.budgets.periods import is_zone
from webapp.operations.notices import delivery, queries
from webapp.operations.notices.mail import service as mail_service
from webapp.operations.notices.sending import (
    EMAIL,
    PURPOSE,
    PUSH,
    SECRET_PREFIX,
    TEST,
    TRUST,
    WEBHOOK,
    DeviceGone,
    NoticeMessage,
    send,
)
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.notices.kinds import KINDS, KindName
from webapp.people.notices.tables import NoticeChannel, NoticePreferences
from webapp.people.notices.telling import REACHABLE
from webapp.settings.secrets.encryption import Holder, Secret, the_encryption
from webapp.streaming.stop import Stop

MOST_DEVICES = 10
ADDRESS_CHARS = 1_000
KIND = "notice channel"
SECRET_BYTES = 32
TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
OF_SOMEONE_ELSE = "This device is someone else's. In its browser, take back the permission to show notices, then allow it again."
NO_KEYS = "These aren't valid push keys. Please allow notifications in the browser again."
NAMES = {EMAIL: "Email", WEBHOOK: "Webhook"}
ACCEPTED = {
    PUSH: "The push service has taken the test. The device shows it within seconds, if it is on and allows notices.",
    EMAIL: "The mail server has taken the test for {}.",
    WEBHOOK: "The webhook has taken the test.",
}


def _checked_time(text: str) -> str:
    if text and not TIME.fullmatch(text):
        raise Invalid("Enter a time such as 22:00.")
    return text


def _checked_zone(text: str) -> str:
    if text and not is_zone(text):
        raise Invalid("There is no such time zone. Use a name such as Europe/Berlin.")
    return text


DEVICE_NAME = OneLine("Enter a name of up to 60 characters.", 60)
DeviceName = Annotated[str, StringConstraints(max_length=60), DEVICE_NAME]
Address = Annotated[str, StringConstraints(max_length=ADDRESS_CHARS)]
Key = Annotated[str, StringConstraints(max_length=200)]
Time = Annotated[str, StringConstraints(max_length=5), checked_by(_checked_time)]
Zone = Annotated[str, StringConstraints(max_length=60), checked_by(_checked_zone)]


class DeviceInput(Input):
    """A push subscription, as a browser makes it."""

    endpoint: Address
    p256dh: Key
    auth: Key
    name: DeviceName = ""


class WebhookInput(Input):
    url: Address


class ChannelChange(Changes):
    """Updates only the fields that are sent."""

    name: DeviceName | None = None
    kinds: list[KindName] | None = Field(None, max_length=len(KINDS))
    has_words: bool | None = None


class PreferencesInput(Input):
    """Quiet hours, as two times such as 22:00, or none; without a time zone, that of the team."""

    quiet_from: Time = ""
    quiet_until: Time = ""
    time_zone: Zone = ""


def add_device(
    user: User, entered: DeviceInput, *, author: PersonAuthor, session_id: str | None, usual_name: str = ""
) -> NoticeChannel:
    """Adds a device, or renews one with the same endpoint, which then belongs to this person alone; returns it.

    Another person's device is taken over only with the keys that its browser made, as when two people share it: an endpoint alone
    can be known to others.
    """
    # Imported late, to save memory.
    from webapp.operations.notices import web_push

    endpoint = _checked_address(entered.endpoint, "endpoint")
    try:
        web_push.checked_keys(entered.p256dh, entered.auth)
    except ValueError as error:
        raise Invalid(NO_KEYS, field="p256dh") from error
    creation_limit.count(user.id)
    values = {"p256dh": entered.p256dh, "auth": entered.auth, "name": entered.name or usual_name or "Device"}
    channel = NoticeChannel(
        user_id=user.id, way=PUSH, address=endpoint, identity=_identity(endpoint), session_id=session_id, **values
    )
    with _adding(), write() as session:
        before = session.scalar(select(NoticeChannel).where(NoticeChannel.identity == channel.identity))
        if before and before.user_id != user.id and not _has_keys_of(before, entered):
            raise Conflict(OF_SOMEONE_ELSE, field="endpoint")
        if before and before.user_id == user.id:
            channel.muted_kinds, channel.has_words = before.muted_kinds, before.has_words
        if before:
            session.delete(before)
            session.flush()
        of_person = NoticeChannel.user_id == user.id, NoticeChannel.way == PUSH
        if (session.scalar(select(func.count()).where(*of_person)) or 0) >= MOST_DEVICES:
            raise Conflict(f"You have {MOST_DEVICES} devices, which is the limit. Remove one first.")
        _add(session, channel, author)
    return channel


def add_email(user: User, *, author: PersonAuthor) -> NoticeChannel:
    """Has a person told by email, at the address of their account."""
    if not mail_service.is_set():
        raise Conflict("This server can't send email yet. An admin sets up the mail server under Administration, Email.")
    channel = NoticeChannel(user_id=user.id, way=EMAIL, identity=f"email:{user.id}", name=NAMES[EMAIL])
    with _adding(), write() as session:
        if before := _by_identity(session, channel.identity):
            return before
        _add(session, channel, author)
    return channel


def set_webhook(user: User, entered: WebhookInput, *, author: PersonAuthor) -> str:
    """Adds a person's webhook, or gives it another address; returns the secret of a new one, which is shown once."""
    url = _checked_address(entered.url, "url")
    creation_limit.count(user.id)
    secret = _new_secret()
    channel = NoticeChannel(
        id=new_id(), user_id=user.id, way=WEBHOOK, identity=f"webhook:{user.id}", name=NAMES[WEBHOOK], address=url
    )
    channel.secret = _encrypted(secret, channel.id)
    with _adding(), write() as session:
        if before := _by_identity(session, channel.identity):
            before.address, before.trouble = url, ""
            _note(session, "changed the webhook for notices", before, author)
            return ""
        _add(session, channel, author)
    return secret


def renew_secret(user: User, id: str, *, author: PersonAuthor) -> str:
    """Gives a webhook another secret, which is shown once; the one before signs nothing any more."""
    channel, secret = queries.own_channel(user.id, id), _new_secret()
    if channel.way != WEBHOOK:
        raise Conflict("Only a webhook has a secret.")
    with write() as session:
        row = session.get_one(NoticeChannel, id)
        row.secret, row.trouble = _encrypted(secret, id), ""
        _note(session, "made a new secret for the webhook for notices", row, author)
    return secret


def change(user: User, id: str, entered: ChannelChange) -> None:
    """Changes what is sent to a channel, and a device's name."""
    channel = queries.own_channel(user.id, id)
    with write():
        if entered.name and channel.way == PUSH:
            channel.name = entered.name
        if entered.kinds is not None:
            channel.muted_kinds = [name for name in KINDS if name not in entered.kinds]
        if entered.has_words is not None:
            channel.has_words = entered.has_words


def remove(user: User, id: str, *, author: PersonAuthor) -> None:
    """Removes a channel, with what waits for it."""
    queries.own_channel(user.id, id)
    with write() as session:
        channel = session.get_one(NoticeChannel, id)
        _note(session, f"removed {_words(channel)} for notices", channel, author)
        session.execute(delete(NoticeChannel).where(NoticeChannel.id == id).execution_options(synchronize_session=False))
        REACHABLE.read_again_after(session)


def set_preferences(user: User, entered: PreferencesInput) -> None:
    """Stores a person's quiet hours; what they hold already is still sent when it was to be."""
    if bool(entered.quiet_from) != bool(entered.quiet_until):
        missing = "quiet_until" if entered.quiet_from else "quiet_from"
        raise Invalid("Quiet hours have a beginning and an end. Leave both empty for none.", field=missing)
    user_id = user.id
    with write() as session:
        session.merge(NoticePreferences(user_id=user_id, **entered.model_dump()))


def send_test(user: User, id: str) -> str:
    """Sends a test and returns what its receiver said, as a sentence; raises `Invalid` with what went wrong."""
    channel = queries.own_channel(user.id, id)
    creation_limit.count(user.id)
    target, way, email = delivery.target_of(channel, user), channel.way, user.email
    text = "Nothing has happened: you asked for a test."
    message = NoticeMessage(new_id(), TEST, "A test of your notices", text, "/settings/notices", utc_now())
    db.session.rollback()
    try:
        send(target, message, Stop(the_engine().signal), utc_now())
    except DeviceGone as error:
        delivery.forget_channel(id)
        raise Invalid(f"{error.message} It was removed from the list.", field="test") from error
    except ProviderError as error:
        raise Invalid(f"The test didn't arrive. {error.message}", field="test") from error
    except Stopped as error:
        raise Conflict("The server is restarting. Please try again in a moment.") from error
    return ACCEPTED[way].format(email)


@contextmanager
def _adding() -> Iterator[None]:
    """Turns the conflict of two requests that add the same into a sentence."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict("This was added by another request just now. Please load the page again.") from error


def _add(session: Session, channel: NoticeChannel, author: PersonAuthor) -> None:
    session.add(channel)
    session.flush()
    _note(session, f"added {_words(channel)} for notices", channel, author)
    REACHABLE.read_again_after(session)


def _by_identity(session: Session, identity: str) -> NoticeChannel | None:
    return session.scalar(select(NoticeChannel).where(NoticeChannel.identity == identity))


def _words(channel: NoticeChannel) -> str:
    return {PUSH: "a device", EMAIL: "email", WEBHOOK: "a webhook"}[channel.way]


def _note(session: Session, action: str, channel: NoticeChannel, author: PersonAuthor) -> None:
    audit.add(session, action, author=author, object_kind=KIND, object_id=channel.id, detail=channel.name)


def _checked_address(text: str, field: str) -> str:
    """Returns an address that a person has chosen: public, and by https; a name is checked again where it leads."""
    address = text.strip()
    try:
        parts = parts_of(address)
    except ProviderError as error:
        raise Invalid(error.message, field=field) from error
    trust, host = TRUST.get(), parts.hostname or ""
    if parts.fragment:
        raise Invalid("The address can't contain “#”.", field=field)
    if parts.scheme != "https" and trust == "public":
        raise Invalid("The address must begin with https://.", field=field)
    if not _is_public(host) and trust == "public":
        raise Invalid("The address must be public: notifications aren't sent to this server's network.", field=field)
    return address


def _is_public(host: str) -> bool:
    try:
        return is_allowed(str(ipaddress.ip_address(host)), "public")
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")


def _has_keys_of(channel: NoticeChannel, entered: DeviceInput) -> bool:
    kept, given = (f"{keys.p256dh} {keys.auth}".encode() for keys in (channel, entered))
    return hmac.compare_digest(kept, given)


def _identity(endpoint: str) -> str:
    return f"{PUSH}:{hashlib.sha256(endpoint.encode()).hexdigest()}"


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _encrypted(secret: str, id: str) -> str:
    return the_encryption().encrypt_api_key(secret, owner=id, purpose=PURPOSE)


def _stored() -> list[Secret]:
    query = select(NoticeChannel.id, NoticeChannel.name, NoticeChannel.secret).where(NoticeChannel.secret != "")
    with db.engine.connect() as connection:
        return [
            Secret(id, _("Notification secret of %(name)s", name=name.lower()), secret)
            for id, name, secret in connection.execute(query)
        ]


def _replace(session: Session, id: str, ciphertext: str, fresh: str) -> bool:
    row = update(NoticeChannel).where(NoticeChannel.id == id, NoticeChannel.secret == ciphertext)
    replaced = session.execute(row.values(secret=fresh).execution_options(synchronize_session=False))
    return isinstance(replaced, CursorResult) and bool(replaced.rowcount)


HOLDER = Holder(KIND, _stored, _replace)
