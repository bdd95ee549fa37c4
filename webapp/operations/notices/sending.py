"""How a notice is sent: to a device by Web Push, by email, and to a webhook in the format of Standard Webhooks."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from webapp.base import logs
from webapp.base.current import PerApp, the_config
from webapp.base.words import shortened
from webapp.models.providers.base import ProviderError
from webapp.models.upstream import Trust
from webapp.operations.delivery import posted, refuse_status
from webapp.operations.notices import push_keys
from webapp.operations.notices.mail import service as mail_service
from webapp.people.accounts.queries import first_owner_email
from webapp.people.notices.kinds import KINDS
from webapp.settings.secrets.encryption import DecryptionError, the_encryption
from webapp.settings.service import setting
from webapp.streaming.stop import Stop

PUSH, EMAIL, WEBHOOK = "push", "email", "webhook"
SUMMARY, TEST = "summary", "test"
PURPOSE = "secret of a webhook for notices"
SECRET_PREFIX = "whsec_"
TITLE_CHARS, TEXT_CHARS = 120, 400
# Tests allow their own servers here.
TRUST = PerApp[Trust](lambda: "public")
GONE = "This device can't be told any longer: its browser has withdrawn the permission."


class DeviceGone(ProviderError):
    """The push service doesn't know the device any longer."""

    def __init__(self) -> None:
        super().__init__("invalid", GONE)


@dataclass(frozen=True, slots=True)
class Target:
    """A channel of a person, as sending needs it."""

    id: str
    way: str
    address: str
    email: str
    p256dh: str = field(default="", repr=False)
    auth: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NoticeMessage:
    """What is sent: `text` is empty unless the person wants texts. Those with the same `tag` replace each other on a device."""

    id: str
    kind: str
    title: str
    text: str
    path: str
    at: datetime
    held: Sequence["NoticeMessage"] = ()

    @property
    def tag(self) -> str:
        return hashlib.sha256(f"{self.kind} {self.path.partition('#')[0]}".encode()).hexdigest()[:32]


def send(target: Target, message: NoticeMessage, stop: Stop, now: datetime) -> None:
    """Sends a message once; raises `ProviderError`, which says whether to try again, or `Stopped`."""
    WAYS[target.way](target, message, stop, now)


def _push(target: Target, message: NoticeMessage, stop: Stop, now: datetime) -> None:
    # Imported late, to save memory.
    from webapp.operations.notices import web_push

    public = push_keys.public_key()
    try:
        keys = web_push.KeyPair(push_keys.private_key(), public)
    except DecryptionError as error:
        raise ProviderError("auth", "This server's key for devices can't be read with its ENCRYPTION_KEY.") from error
    parts, kind = urlsplit(target.address), KINDS.get(message.kind)
    headers = {
        "Authorization": web_push.authorization(keys, f"{parts.scheme}://{parts.netloc}", _contact(), int(now.timestamp())),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(kind.ttl_seconds if kind else 3600),
        "Urgency": kind.urgency if kind else "normal",
        "Topic": message.tag,
    }
    payload = {"title": _line(message.title, TITLE_CHARS), "body": _line(message.text, TEXT_CHARS)}
    payload |= {"url": message.path, "tag": message.tag}
    content = json.dumps(payload, ensure_ascii=False).encode()
    try:
        sealed = web_push.encrypted(content, target.p256dh, target.auth)
    except ValueError as error:
        raise ProviderError("invalid", "The keys of this device can't be used. Remove it and add it again.") from error
    status, wait = posted(target.address, headers, sealed, stop=stop, trust=TRUST.get())
    if status in (404, 410):
        raise DeviceGone
    refuse_status("The push service", status, wait)


def _email(target: Target, message: NoticeMessage, _stop: Stop, _now: datetime) -> None:
    text = f"{message.title}\n\n{message.text}".strip()
    address = _address(message.path)
    where = address if address.startswith("http") else f"Millrace, {address}"
    foot = f"Change your notifications: {_address('/settings/notices')}"
    subject = f"[Millrace] {_line(message.title, TITLE_CHARS)}"
    if mail_service.send([target.email], subject, f"{text}\n\n{where}\n\n{foot}\n"):
        raise ProviderError("invalid", "The mail server rejected your address.")


def _webhook(target: Target, message: NoticeMessage, stop: Stop, now: datetime) -> None:
    content = json.dumps({"type": f"notice.{message.kind}", "timestamp": _iso(message.at), "data": _data(message)}).encode()
    at = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(webhook_secret(target), message.id, at, content),
    }
    refuse_status("The webhook", *posted(target.address, headers, content, stop=stop, trust=TRUST.get()))


WAYS: Mapping[str, Callable[[Target, NoticeMessage, Stop, datetime], None]] = {PUSH: _push, EMAIL: _email, WEBHOOK: _webhook}


def signature(secret: str, id: str, at: int, content: bytes) -> str:
    """Returns the signature of Standard Webhooks, version 1."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.new(key, f"{id}.{at}.".encode() + content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def webhook_secret(target: Target) -> str:
    try:
        secret = the_encryption().decrypt_api_key(target.secret, owner=target.id, purpose=PURPOSE)
    except DecryptionError as error:
        words = "The webhook's secret can't be read with this server's ENCRYPTION_KEY. Make a new one."
        raise ProviderError("auth", words) from error
    logs.hide(secret)
    return secret


def _data(message: NoticeMessage) -> dict[str, Any]:
    own = {"id": message.id, "kind": message.kind, "title": message.title, "text": message.text}
    own |= {"url": _address(message.path), "at": _iso(message.at)}
    return own | ({"notices": [_data(held) for held in message.held]} if message.held else {})


def _line(text: str, most_chars: int) -> str:
    visible = "".join(character if character.isprintable() else " " for character in text)
    return shortened(" ".join(visible.split()), most_chars)


def _address(path: str) -> str:
    return (the_config().public_url or "").rstrip("/") + path


def _contact() -> str:
    """Returns how a push service can reach the operators of this server, which some require."""
    if (address := the_config().public_url).startswith("https://"):
        return address
    return f"mailto:{setting('mail.from') or first_owner_email()}"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
