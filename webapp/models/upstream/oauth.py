"""An OAuth client with a code and PKCE, as signing in to a tool server and to Millrace both need it. Nothing is stored here."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict
from urllib.parse import quote, urlencode, urlsplit

from webapp.base.visible_text import line_of
from webapp.models.upstream.sign_in import Requests, SignInFailed, SignInReply

MOST_CODE, MOST_TEXTS = 8_000, 50
NO_SECRET, IN_HEADER, IN_BODY = "none", "client_secret_basic", "client_secret_post"


class ClientRecord(TypedDict):
    id: str
    secret: str
    method: str


class PendingSignIn(TypedDict):
    """What an attempt to sign in is known by when the person comes back."""

    redirect_uri: str
    state: str
    verifier: str


def client_record(id: str, secret: str, methods: Sequence[str], agreed: str = "") -> ClientRecord:
    """Returns how we say at the token endpoint who we are: as was agreed, or in a way that the server knows."""
    known = IN_BODY if IN_BODY in methods and IN_HEADER not in methods else IN_HEADER
    method = agreed if agreed in (IN_HEADER, IN_BODY) else known
    return {"id": id, "secret": secret, "method": method if secret else NO_SECRET}


def authorization_url(endpoint: str, client_id: str, attempt: PendingSignIn, more: Mapping[str, str]) -> str:
    """Returns where a person signs in, with PKCE."""
    digest = hashlib.sha256(attempt["verifier"].encode()).digest()
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": attempt["redirect_uri"],
        "state": attempt["state"],
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        **more,
    }
    return with_query(endpoint, query)


def with_query(address: str, query: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"


def checked_code(issuer: str, returned: Mapping[str, str], *, sends_issuer: bool) -> str:
    """Returns the code of what a person has come back with, once it is known to be from this issuer; raises `SignInFailed`."""
    host, iss, code = urlsplit(issuer).hostname, returned.get("iss", ""), returned.get("code", "")
    if (iss or sends_issuer) and iss != issuer:
        raise SignInFailed(f"The reply doesn't come from {host}. Please begin again.")
    if error := line_of(returned.get("error", ""), 100):
        words = line_of(returned.get("error_description", ""), 300).rstrip(".") or error
        denied = f"You didn't allow it at {host}." if error == "access_denied" else ""
        raise SignInFailed(denied or f"{host} couldn't sign you in: {words}.")
    if not 0 < len(code) <= MOST_CODE:
        raise SignInFailed(f"{host} sent no code. Please begin again.")
    return code


def post_as(client: ClientRecord, requests: Requests, endpoint: str, fields: Mapping[str, str]) -> SignInReply:
    """Posts a form, and says who we are in the way that the server knows."""
    if client["method"] == IN_HEADER:
        pair = f"{quote(client['id'], safe='')}:{quote(client['secret'], safe='')}"
        return requests.post(endpoint, form=fields, authorization=f"Basic {base64.b64encode(pair.encode()).decode()}")
    fields = {**fields, "client_id": client["id"]} | ({"client_secret": client["secret"]} if client["secret"] else {})
    return requests.post(endpoint, form=fields)


def error_words(reply: SignInReply) -> str:
    """Returns what an error says of itself, as a part of a sentence."""
    words = line_of(reply.value.get("error_description"), 300) or line_of(reply.value.get("error"), 100)
    return words.rstrip(".") or f"HTTP {reply.status}"


def texts_in(value: Any) -> tuple[str, ...]:
    """Returns the texts in a list of a server's metadata, and nothing of any other value."""
    return tuple(text for text in value[:MOST_TEXTS] if isinstance(text, str)) if isinstance(value, list) else ()
