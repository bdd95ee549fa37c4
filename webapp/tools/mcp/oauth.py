"""Signing in to a tool server, by OAuth 2.1: an authorization code with PKCE for this server alone, refreshed and revoked.

Nothing is stored here: what `begin` returns is kept by the caller, encrypted, until the person comes back, and then with their
tokens. A token is sent to the tool server and the authorization server that it is from, and nowhere else.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from webapp.base.db import utc_now
from webapp.base.untrusted_json import JsonObject
from webapp.models.connections.providers import providers
from webapp.models.upstream import Trust
from webapp.models.upstream.oauth import (
    NO_SECRET,
    ClientRecord,
    PendingSignIn,
    authorization_url,
    checked_code,
    client_record,
    error_words,
    post_as,
)
from webapp.models.upstream.sign_in import Requests, SignInFailed, SignInReply, is_loopback, secure_parts
from webapp.streaming.stop import Stop
from webapp.tools.mcp.discovery import Issuer, challenge_parameters, issuer_of, resource_of, scopes_in
from webapp.tools.mcp.exchange import SignInRequired

__all__ = [
    "BegunSignIn",
    "OAuthTokens",
    "Registration",
    "SignInFailed",
    "SignInRecord",
    "begin",
    "client_document",
    "finish",
    "refresh",
    "revoke",
]

NAME, OFFLINE = "Millrace", "offline_access"
BEGIN_SECONDS, TOKEN_SECONDS = 30.0, 20.0
MOST_TOKEN, MOST_ID, MOST_LIFE = 16_384, 2_000, timedelta(days=366)
# What a token endpoint says of a refresh token, or of us, that can't be used again.
ENDED = ("invalid_grant", "invalid_client", "unauthorized_client")


class SignInRecord(PendingSignIn):
    """What has to be known of a sign-in until its tokens are revoked. `entered` is an issuer that a person has entered."""

    address: str
    resource: str
    issuer: str
    sends_issuer: bool
    token_endpoint: str
    revocation_endpoint: str
    scope: str
    trust: Trust
    entered: str
    client: ClientRecord


@dataclass(frozen=True, slots=True)
class Registration:
    """How an authorization server knows us. It is entered by a person, or what a server has given us; for this `issuer` alone."""

    id: str
    issuer: str
    secret: str = field(default="", repr=False)
    method: str = ""


@dataclass(frozen=True, slots=True)
class BegunSignIn:
    """The person is sent to `url`, and comes back with `state`; `record` is JSON, with secrets, and needed from then on."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    record: SignInRecord = field(repr=False)


@dataclass(frozen=True, slots=True)
class OAuthTokens:
    """`expires_at` is None if the server doesn't say; `refresh` is empty if there is none."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime | None
    scope: str


def begin(
    address: str,
    redirect_uri: str,
    *,
    stop: Stop,
    challenge: str = "",
    client: Registration | None = None,
    document: str = "",
    scope: str = "",
    trust: Trust = "public",
) -> BegunSignIn:
    """Finds out where a person signs in to the tool server at `address`, registers there, and returns where to send them.

    `challenge` is the server's `WWW-Authenticate`, `scope` what was allowed before and is asked for again. `client` is used for
    its own issuer alone, else we register: by the https address of a `document` about us, if the server takes one, or by
    request. Raises `SignInFailed` with a sentence.
    """
    secure_parts(address)
    secure_parts(redirect_uri)
    requests = Requests(providers().upstream, stop, trust, (address, client.issuer if client else ""), seconds=BEGIN_SECONDS)
    parameters = challenge_parameters(challenge)
    resource = resource_of(requests, address, parameters.get("resource_metadata", ""))
    if client and resource.is_stated and client.issuer not in resource.issuers:
        raise SignInFailed(f"{urlsplit(address).hostname} signs people in elsewhere by now. Enter how it knows us again.")
    issuer = issuer_of(requests, client.issuer if client else resource.issuers[0])
    wanted = scopes_in(parameters.get("scope", "")) or resource.scopes
    offline = (OFFLINE,) if OFFLINE in issuer.scopes else ()
    scopes = " ".join(dict.fromkeys((*scopes_in(scope), *wanted, *offline)))
    registration = client or _registered(requests, issuer, redirect_uri, document)
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    record: SignInRecord = {
        "address": address,
        "resource": resource.address,
        "issuer": issuer.address,
        "sends_issuer": issuer.sends_issuer,
        "token_endpoint": issuer.token,
        "revocation_endpoint": issuer.revocation,
        "redirect_uri": redirect_uri,
        "state": state,
        "verifier": verifier,
        "scope": scopes,
        "trust": trust,
        "entered": client.issuer if client else "",
        "client": client_record(registration.id, registration.secret, issuer.methods, registration.method),
    }
    more = {"resource": resource.address} | ({"scope": scopes} if scopes else {})
    return BegunSignIn(authorization_url(issuer.authorization, registration.id, record, more), state, record)


def finish(record: SignInRecord, code: str, iss: str = "", *, state: str, stop: Stop, error: str = "") -> OAuthTokens:
    """Returns the tokens for the code that the person has come back with; raises `SignInFailed`.

    Who has sent them back is checked before anything else of the reply is looked at, and before the code goes anywhere.
    """
    if not hmac.compare_digest(state.encode("utf-8", "replace"), record["state"].encode()):
        raise SignInFailed("This isn't the sign-in that was begun here. Please begin again.")
    returned = {"code": code, "iss": iss, "error": error}
    code = checked_code(record["issuer"], returned, sends_issuer=record["sends_issuer"])
    fields = {"code": code, "redirect_uri": record["redirect_uri"], "code_verifier": record["verifier"]}
    reply = _asked(record, {"grant_type": "authorization_code", **fields}, stop)
    if reply.status >= 300:
        raise SignInFailed(f"{urlsplit(record['issuer']).hostname} couldn't sign you in: {error_words(reply)}.")
    return _tokens(record, reply.value, "")


def refresh(record: SignInRecord, refresh_token: str, *, stop: Stop) -> OAuthTokens:
    """Returns new tokens. The refresh token may be a new one, after which the old one is worthless: one caller at a time.

    Raises `SignInRequired` if the person has to sign in again, and `SignInFailed` if it can be tried later.
    """
    reply = _asked(record, {"grant_type": "refresh_token", "refresh_token": refresh_token}, stop)
    host = urlsplit(record["issuer"]).hostname
    if 400 <= reply.status < 500 and reply.value.get("error") in ENDED:
        raise SignInRequired(f"{host} wants you to sign in again.")
    if reply.status >= 300:
        raise SignInFailed(f"{host} couldn't renew the sign-in: {error_words(reply)}.")
    return _tokens(record, reply.value, refresh_token)


def revoke(record: SignInRecord, token: str, *, stop: Stop) -> None:
    """Makes a token worthless where it is from, if it can be (RFC 7009); raises `SignInFailed` if it may still be valid."""
    endpoint, host = record["revocation_endpoint"], urlsplit(record["issuer"]).hostname
    if not endpoint:
        return
    reply = _posted(record, endpoint, {"token": token}, stop)
    if reply.status == 400 and record["client"]["method"] == NO_SECRET and "client_secret" in error_words(reply):
        # A widely used server wants the field, though those without a secret have nothing to fill in.
        reply = _posted(record, endpoint, {"token": token, "client_secret": ""}, stop)
    if reply.status >= 300 and reply.value.get("error") != "unsupported_token_type":
        raise SignInFailed(f"{host} couldn't revoke the sign-in: {error_words(reply)}.")


def client_document(address: str, redirect_uri: str) -> JsonObject:
    """Returns what a public page at `address` says of us, to authorization servers that take such an address as our id."""
    return {"client_id": address, **_about_us(redirect_uri)}


def _about_us(redirect_uri: str) -> JsonObject:
    is_local = is_loopback(urlsplit(redirect_uri).hostname or "")
    return {
        "client_name": NAME,
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": NO_SECRET,
        "application_type": "native" if is_local else "web",
    }


def _registered(requests: Requests, issuer: Issuer, redirect_uri: str, document: str) -> Registration:
    if document and issuer.takes_documents:
        return Registration(document, issuer.address, method=NO_SECRET)
    host = urlsplit(issuer.address).hostname
    if not issuer.registration:
        raise SignInFailed(f"{host} doesn't register new programs by itself. Enter the client id that it has given you.")
    reply = requests.post(issuer.registration, json=_about_us(redirect_uri))
    id, secret, method = (reply.value.get(key) for key in ("client_id", "client_secret", "token_endpoint_auth_method"))
    if reply.status >= 300:
        raise SignInFailed(f"{host} doesn't register Millrace: {error_words(reply)}.")
    if not _is_token(id, MOST_ID) or not (secret is None or secret == "" or _is_token(secret, MOST_ID)):
        raise SignInFailed(f"{host} registered Millrace in a way that can't be understood.")
    return Registration(str(id), issuer.address, secret or "", method if isinstance(method, str) else "")


def _asked(record: SignInRecord, fields: Mapping[str, str], stop: Stop) -> SignInReply:
    """Asks for tokens, for the tool server alone."""
    return _posted(record, record["token_endpoint"], {**fields, "resource": record["resource"]}, stop)


def _posted(record: SignInRecord, endpoint: str, fields: Mapping[str, str], stop: Stop) -> SignInReply:
    entered = (record["address"], record["entered"])
    requests = Requests(providers().upstream, stop, record["trust"], entered, seconds=TOKEN_SECONDS)
    return post_as(record["client"], requests, endpoint, fields)


def _tokens(record: SignInRecord, value: Mapping[str, Any], refresh_token: str) -> OAuthTokens:
    access, renewed, kind = value.get("access_token"), value.get("refresh_token"), value.get("token_type")
    is_bearer = isinstance(kind, str) and kind.lower() == "bearer"
    if not is_bearer or not _is_token(access, MOST_TOKEN) or not (renewed is None or _is_token(renewed, MOST_TOKEN)):
        raise SignInFailed(f"{urlsplit(record['issuer']).hostname} sent a reply that can't be understood.")
    scope = " ".join(scopes_in(value.get("scope"))) or record["scope"]
    return OAuthTokens(str(access), renewed or refresh_token, _expires_at(value.get("expires_in")), scope)


def _expires_at(seconds: Any) -> datetime | None:
    try:
        life = timedelta(seconds=float(seconds))
    except (TypeError, ValueError, OverflowError):
        return None
    return utc_now() + min(max(life, timedelta()), MOST_LIFE)


def _is_token(value: Any, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most and value.isascii() and value.isprintable()
