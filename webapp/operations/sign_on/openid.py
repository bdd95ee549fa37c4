"""OpenID Connect with one provider: where people sign in, what comes back, and who they are there. It knows no tables.

Everything that a provider sends is checked before it is believed: its document is about itself, a code is exchanged with PKCE,
an ID token has the signature of one of its keys, by an algorithm that we name, and is for us, for this attempt and for now.
"""

import base64
import binascii
import hmac
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from math import isfinite
from time import monotonic, time
from typing import Any
from urllib.parse import urlsplit

from webapp.base.cache import Cache
from webapp.base.current import PerApp
from webapp.base.heavy.turns import give_way
from webapp.base.visible_text import line_of
from webapp.base.words import plural
from webapp.engine.engine import the_engine
from webapp.models.connections.providers import providers
from webapp.models.upstream.bounded_json import UnreadableJson, load
from webapp.models.upstream.oauth import (
    PendingSignIn,
    authorization_url,
    checked_code,
    client_record,
    error_words,
    post_as,
    texts_in,
    with_query,
)
from webapp.models.upstream.sign_in import Requests, SignInFailed, secure_parts
from webapp.streaming.stop import Stop

__all__ = ["Client", "SignInAttempt", "VerifiedIdentity", "begin", "finish", "leave", "logged_out", "look_up"]

SECONDS = 20.0
# What signing in needs: 20 MB and 0.3 s, of which each part takes less than 0.1 s. Imported by the first who signs in so, part by
# part, because a thread must not import.
LIBRARIES = (
    "cryptography.hazmat.primitives.serialization",
    "cryptography.x509",
    "joserfc.jwk",
    "joserfc.jwt",
    "authlib.oauth2.rfc7636",
    "authlib.oidc.core",
)
# How long what a provider says of itself is used for people who only begin, and for requests that anyone can send.
FRESH_SECONDS, MOST_KNOWN = 10.0, 20
# A clock can differ by this much; by minutes, it has to be set.
LEEWAY_SECONDS = 60
MOST_TOKEN, MOST_PARTS, MOST_KEYS, MOST_SUBJECT, MOST_LOGGED_OUT = 64_000, 4_000, 50, 255, 600
# Of public keys alone: with “none” or a shared secret, anyone who knows what is public could sign.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
LOGGED_OUT = "http://schemas.openid.net/event/backchannel-logout"
# When each token that says who has signed out was seen, so that none is used twice.
USED = PerApp[dict[str, float]](dict)


@dataclass(frozen=True, slots=True)
class Client:
    """What we are at a provider, and how long it may take."""

    issuer: str
    id: str
    secret: str = field(repr=False)
    scopes: str
    wait_seconds: float = SECONDS

    @property
    def host(self) -> str:
        return urlsplit(self.issuer).hostname or "The provider"


class SignInAttempt(PendingSignIn):
    """What this browser alone has to know until its person comes back; unless `since` is 0, they have to sign in after it."""

    nonce: str
    since: int


@dataclass(frozen=True, slots=True)
class VerifiedIdentity:
    """Who a person is at a provider, as its checked ID token says."""

    issuer: str
    subject: str
    session: str
    claims: Mapping[str, Any] = field(repr=False)
    id_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Provider:
    """What a provider says of itself, and its keys."""

    authorization: str
    token: str
    user_info: str
    end_session: str
    methods: tuple[str, ...]
    sends_issuer: bool
    keys: tuple[Mapping[str, Any], ...]


KNOWN = PerApp(lambda: Cache[str, _Provider](MOST_KNOWN, seconds=FRESH_SECONDS))


def look_up(client: Client) -> int:
    """Asks a provider for its document and its keys; returns how many keys it has. Raises `SignInFailed` with the reason."""
    return len(_asked(client).keys)


def begin(client: Client, redirect_uri: str, *, again: bool = False) -> tuple[str, SignInAttempt]:
    """Returns where a person signs in, and what their browser keeps until they come back.

    With `again`, the provider asks them even if they are signed in there.
    """
    secure_parts(redirect_uri)
    provider = _known(client)
    attempt: SignInAttempt = {
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(48),
        "redirect_uri": redirect_uri,
        "since": int(time()) if again else 0,
    }
    more = {
        "scope": " ".join(dict.fromkeys(("openid", *(client.scopes or "profile email").split()))),
        "nonce": attempt["nonce"],
        **({"prompt": "login", "max_age": "0"} if again else {}),
    }
    return authorization_url(provider.authorization, client.id, attempt, more), attempt


def finish(client: Client, attempt: SignInAttempt, returned: Mapping[str, str]) -> VerifiedIdentity:
    """Returns who the person is, who has come back with this; raises `SignInFailed` with the reason.

    Who has sent them back is checked before anything else is looked at, and before the code goes anywhere.
    """
    if not hmac.compare_digest(returned.get("state", "").encode("utf-8", "replace"), attempt["state"].encode()):
        raise SignInFailed("This sign-in wasn't begun in this browser. Please begin again.")
    provider = _asked(client)
    code = checked_code(client.issuer, returned, sends_issuer=provider.sends_issuer)
    tokens = _exchanged(client, provider, attempt, code)
    access, id_token = tokens.get("access_token"), tokens.get("id_token")
    if not isinstance(id_token, str) or not id_token:
        raise SignInFailed(f"{client.host} didn't say who you are. Is “openid” among the scopes of its client?")
    claims = _read(client, provider, id_token)
    _check_id_token(client, claims, attempt, access if isinstance(access, str) else "")
    subject, session = claims.contents["sub"], claims.contents.get("sid")
    return VerifiedIdentity(
        client.issuer,
        subject,
        session if isinstance(session, str) and len(session) <= MOST_SUBJECT else "",
        _with_user_info(client, provider, claims.contents, access),
        id_token,
    )


def logged_out(client: Client, logout_token: str) -> tuple[str, str]:
    """Returns subject and session of a token that says who has signed out at the provider; either can be empty.

    Raises `SignInFailed`, also for a token that was used before.
    """
    token = _read(client, _known(client), logout_token)
    claims, host = token.contents, client.host
    _check_times(host, claims, MOST_LOGGED_OUT)
    _check(host, _is_for_us(client, claims), "isn't for Millrace")
    events = claims.get("events")
    # An ID token has a nonce, and must not pass for this one.
    is_logout = isinstance(events, dict) and isinstance(events.get(LOGGED_OUT), dict) and "nonce" not in claims
    _check(host, is_logout, "doesn't say that someone has signed out")
    subject, session = (_line(claims.get(name)) for name in ("sub", "sid"))
    _check(host, bool(subject or session), "doesn't say who has signed out")
    id = _line(claims.get("jti"))
    _check(host, bool(id) and _is_new(f"{client.issuer} {id}"), "was used before")
    return subject, session


def leave(client: Client, id_token: str, return_uri: str) -> str:
    """Returns where a person signs out at the provider; empty if it can't be done there."""
    provider = _known(client)
    if not provider.end_session:
        return ""
    hint = {"id_token_hint": id_token} if id_token else {}
    return with_query(provider.end_session, {**hint, "client_id": client.id, "post_logout_redirect_uri": return_uri})


def _known(client: Client) -> _Provider:
    return KNOWN.get().get(client.issuer) or _asked(client)


def _asked(client: Client) -> _Provider:
    """Asks a provider again, so that a key that it no longer has is no longer believed."""
    requests, host = _requests(client), client.host
    reply = requests.get(f"{client.issuer.rstrip('/')}/.well-known/openid-configuration")
    said = reply.value
    if not 200 <= reply.status < 300 or not said:
        raise SignInFailed(f"{host} doesn't say how people sign in there (HTTP {reply.status}). Check the issuer.")
    if said.get("issuer") != client.issuer:
        other = line_of(said.get("issuer"), 200) or "nothing"
        raise SignInFailed(f"{host} calls itself {other}. Enter the issuer exactly like that, if it is the one you mean.")
    endpoints = {name: _endpoint(host, said.get(name)) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    if not all(endpoints.values()):
        raise SignInFailed(f"{host} doesn't say how people sign in there.")
    key_reply = requests.get(endpoints["jwks_uri"])
    keys = key_reply.value.get("keys")
    usable = [key for key in keys[:MOST_KEYS] if _is_usable(key)] if isinstance(keys, list) else []
    if not usable:
        raise SignInFailed(f"{host} has no key that its tokens could be checked with (HTTP {key_reply.status}).")
    provider = _Provider(
        endpoints["authorization_endpoint"],
        endpoints["token_endpoint"],
        _endpoint(host, said.get("userinfo_endpoint")),
        _endpoint(host, said.get("end_session_endpoint")),
        texts_in(said.get("token_endpoint_auth_methods_supported")),
        said.get("authorization_response_iss_parameter_supported") is True,
        tuple(usable),
    )
    return KNOWN.get().put(client.issuer, provider)


def _exchanged(client: Client, provider: _Provider, attempt: SignInAttempt, code: str) -> Mapping[str, Any]:
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt["redirect_uri"],
        "code_verifier": attempt["verifier"],
    }
    record = client_record(client.id, client.secret, provider.methods)
    reply = post_as(record, _requests(client), provider.token, fields)
    if reply.status >= 300:
        raise SignInFailed(f"{client.host} couldn't sign you in: {error_words(reply)}.")
    return reply.value


@dataclass(frozen=True, slots=True)
class _Token:
    header: Mapping[str, Any]
    contents: Mapping[str, Any]


def _read(client: Client, provider: _Provider, text: str) -> _Token:
    """Returns a token that was signed with one of the provider's keys; raises `SignInFailed`."""
    _load_libraries()
    # Imported late, as `LIBRARIES` says.
    from joserfc import jwt
    from joserfc.errors import JoseError  # as above
    from joserfc.jwk import JWKRegistry  # as above

    host = client.host
    if len(text) > MOST_TOKEN:
        words = f"{host} told more of you than Millrace reads ({len(text):,} characters). Have it send fewer groups or claims."
        raise SignInFailed(words)
    header, _ = (_part(host, piece) for piece in _pieces(host, text))
    algorithm, id = header.get("alg"), header.get("kid")
    _check(host, algorithm in ALGORITHMS, "isn't signed in a way that can be believed")
    kind = KEY_TYPES[str(algorithm)[:2]]
    keys = [key for key in provider.keys if key["kty"] == kind and (id is None or key.get("kid") in (None, id))]
    for key in keys:
        try:
            token = jwt.decode(text, JWKRegistry.import_key(dict(key)), algorithms=ALGORITHMS)
            return _Token(token.header, token.claims)
        except (JoseError, ValueError, TypeError):
            continue
    raise SignInFailed(f"What {host} sent isn't signed with one of its keys. Please begin again.")


def _check_id_token(client: Client, token: _Token, attempt: SignInAttempt, access: str) -> None:
    # Imported late, as `LIBRARIES` says.
    from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]  # Authlib has no types
    from joserfc.errors import JoseError  # as above

    host, claims = client.host, token.contents
    _check_times(host, claims, None)
    _check(host, _is_for_us(client, claims), "isn't for Millrace")
    subject = claims.get("sub")
    _check(host, isinstance(subject, str) and 0 < len(subject) <= MOST_SUBJECT, "doesn't say who you are")
    nonce = claims.get("nonce")
    is_ours = isinstance(nonce, str) and hmac.compare_digest(nonce.encode("utf-8", "replace"), attempt["nonce"].encode())
    _check(host, is_ours, "is for another sign-in than this one")
    # Not every provider tells when; those that do are held to it.
    signed_in_at = _moment(host, claims.get("auth_time"))
    if signed_in_at is not None and signed_in_at < attempt["since"] - LEEWAY_SECONDS:
        raise SignInFailed(f"{host} didn't ask you to sign in again. Sign out there, then try once more.")
    params = {"nonce": attempt["nonce"], "client_id": client.id, "access_token": access}
    try:
        CodeIDToken(dict(claims), dict(token.header), params=params).validate(now=int(time()), leeway=LEEWAY_SECONDS)
    except (JoseError, ValueError, TypeError) as error:
        raise SignInFailed(f"What {host} sent can't be believed. Please begin again.") from error


def _is_for_us(client: Client, claims: Mapping[str, Any]) -> bool:
    audience = claims.get("aud")
    is_in = client.id in audience if isinstance(audience, list) else audience == client.id
    return is_in and claims.get("iss") == client.issuer


def _check_times(host: str, claims: Mapping[str, Any], life: int | None) -> None:
    """Raises unless a token is from now: with `life`, made at most so many seconds ago, and else not over by its own word."""
    now = time()
    issued_at, valid_from, expires_at = (_moment(host, claims.get(name)) for name in ("iat", "nbf", "exp"))
    _check(host, issued_at is not None and (expires_at is not None or life is not None), "doesn't say from when it is")
    if (ahead_seconds := max(issued_at or now, valid_from or now) - now) > LEEWAY_SECONDS:
        minutes = max(1, round(ahead_seconds / 60))
        raise SignInFailed(f"The clock of {host} is {plural(minutes, 'minute')} ahead of ours. One of the two has to be set.")
    if (expires_at is not None and expires_at < now - LEEWAY_SECONDS) or (life and (issued_at or 0) < now - life):
        raise SignInFailed(f"What {host} sent has expired. Please begin again; if that doesn't help, its clock or ours is wrong.")


def _moment(host: str, value: Any) -> float | None:
    if value is None:
        return None
    # Python takes NaN for a number, and it is never over.
    _check(host, isinstance(value, int | float) and isfinite(value), "doesn't say from when it is")
    return float(value)


def _with_user_info(client: Client, provider: _Provider, claims: Mapping[str, Any], access: Any) -> Mapping[str, Any]:
    """Returns the claims with those that the provider only tells when it is asked, such as the address at some."""
    if not provider.user_info or not isinstance(access, str) or not (access.isascii() and access.isprintable()):
        return claims
    reply = _requests(client).get(provider.user_info, authorization=f"Bearer {access}")
    # It is about the same person, or about no one.
    return {**reply.value, **claims} if reply.status == 200 and reply.value.get("sub") == claims["sub"] else claims


def _load_libraries() -> None:
    for name in LIBRARIES if LIBRARIES[-1] not in sys.modules else ():
        import_module(name)
        give_way()


def _requests(client: Client) -> Requests:
    return Requests(providers().upstream, Stop(the_engine().signal), "operator", (client.issuer,), seconds=client.wait_seconds)


def _endpoint(host: str, address: Any) -> str:
    if not isinstance(address, str) or not address:
        return ""
    secure_parts(address)
    return address


def _is_usable(key: Any) -> bool:
    if not isinstance(key, dict) or key.get("use", "sig") != "sig":
        return False
    return key.get("kty") in KEY_TYPES.values() and all(isinstance(part, str | list) for part in key.values())


def _pieces(host: str, text: str) -> list[str]:
    pieces = text.split(".")
    _check(host, len(pieces) == 3, "isn't a token")
    return pieces[:2]


def _part(host: str, piece: str) -> Mapping[str, Any]:
    """Returns a part of a token, read within bounds, before a library reads it without."""
    try:
        value = load(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)), most_parts=MOST_PARTS)
    except (UnreadableJson, binascii.Error, ValueError):
        value = None
    if not isinstance(value, dict):
        raise SignInFailed(f"What {host} sent isn't a token that can be read: it may have too many parts, such as groups.")
    return value


def _check(host: str, is_right: bool, words: str) -> None:
    if not is_right:
        raise SignInFailed(f"What {host} sent {words}. Please begin again.")


def _line(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= MOST_SUBJECT else ""


def _is_new(id: str) -> bool:
    """Remembers a token for as long as it would be accepted; returns whether it is seen for the first time."""
    used, now = USED.get(), monotonic()
    for other in [other for other, seen_at in used.items() if now - seen_at > MOST_LOGGED_OUT + LEEWAY_SECONDS]:
        del used[other]
    return used.setdefault(id, now) == now
