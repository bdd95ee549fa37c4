"""Requests to the servers where people sign in, for tools or for Millrace itself: JSON, bounded in size and time."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import SplitResult, urlsplit

from webapp.models.upstream.addresses import Trust, parts_of
from webapp.models.upstream.body import Stopped
from webapp.models.upstream.bounded_json import UnreadableJson, load
from webapp.models.upstream.client import Upstream
from webapp.models.upstream.large_replies import read_in_thread
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

MOST_BYTES, MOST_PARTS = 256 * 1024, 5_000
STOPPED = "Signing in was stopped."


class SignInFailed(Exception):
    """Signing in can't begin or end; the message is a sentence for the person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class SignInReply:
    status: int
    value: Mapping[str, Any]


class Requests:
    """Requests to the servers that sign people in, all within the same time.

    Only the hosts that a person has entered, in `entered`, may be where `trust` allows; those that other servers name must be
    public, so that no server can lead us to an address in this network.
    """

    def __init__(self, upstream: Upstream, stop: Stop, trust: Trust, entered: Iterable[str], *, seconds: float) -> None:
        self._upstream, self._stop, self._trust = upstream, stop, trust
        self._hosts = {urlsplit(address).netloc for address in entered if address}
        self._until = monotonic() + seconds

    def get(self, address: str, *, authorization: str = "") -> SignInReply:
        return self._sent("GET", address, authorization=authorization)

    def post(
        self, address: str, *, form: Mapping[str, str] | None = None, json: Any = None, authorization: str = ""
    ) -> SignInReply:
        return self._sent("POST", address, form=form, json=json, authorization=authorization)

    def _sent(
        self, method: str, address: str, *, form: Mapping[str, str] | None = None, json: Any = None, authorization: str = ""
    ) -> SignInReply:
        parts = secure_parts(address)
        seconds = self._until - monotonic()
        if self._stop or seconds <= 0:
            raise SignInFailed(STOPPED if self._stop else f"{parts.hostname} didn't reply in time.")
        headers = {"Accept": "application/json"} | ({"Authorization": authorization} if authorization else {})
        trust: Trust = self._trust if parts.netloc in self._hosts else "public"
        try:
            with self._upstream.open(
                method,
                address,
                stop=self._stop,
                headers=headers,
                json=json,
                form=form,
                first_byte_seconds=seconds,
                trust=trust,
                # A status like others: a redirect is never followed.
                takes_detours=True,
            ) as body:
                body.within(max(0.1, self._until - monotonic()))
                content = body.read_all(MOST_BYTES)
                return SignInReply(body.status, read_in_thread(_object, content))
        except Stopped:
            raise SignInFailed(STOPPED) from None
        except ProviderError as error:
            raise SignInFailed(error.message) from error


def secure_parts(address: str) -> SplitResult:
    """Splits an address where secrets can be sent: by https, or on this machine; raises `SignInFailed` for any other."""
    try:
        parts = parts_of(address)
    except ProviderError as error:
        raise SignInFailed(error.message) from error
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise SignInFailed(f"{parts.hostname} isn't reached by https, so that signing in there isn't safe.")
    if parts.fragment:
        raise SignInFailed("An address to sign in at can't contain “#”.")
    return parts


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        value = load(content, most_parts=MOST_PARTS)
    except UnreadableJson:
        return {}
    return value if isinstance(value, dict) else {}
