"""Where a tool server signs people in: its metadata (RFC 9728), then its authorization server's (RFC 8414, OpenID Connect)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from webapp.models.upstream.oauth import texts_in
from webapp.models.upstream.sign_in import Requests, SignInFailed, secure_parts

MOST_ISSUERS, MOST_SCOPES, MOST_CHALLENGE = 10, 50, 8_000
RESOURCE, ISSUER, OPENID = "oauth-protected-resource", "oauth-authorization-server", "openid-configuration"
PARAMETER = re.compile(r'([A-Za-z_]{1,40})\s{0,5}=\s{0,5}(?:"((?:[^"\\]|\\.){0,4000})"|([^\s,"]{1,4000}))')
SCOPE = re.compile(r"[!#-\[\]-~]{1,200}")
S256 = "S256"


@dataclass(frozen=True, slots=True)
class Resource:
    """A tool server as its authorization server knows it: `address` is what a token is for.

    `is_stated` is unset if the server says nothing of it, and its issuer is a guess.
    """

    address: str
    issuers: tuple[str, ...]
    scopes: tuple[str, ...]
    is_stated: bool = True


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authorization server, by its metadata. `sends_issuer` says that its replies name it (RFC 9207)."""

    address: str
    authorization: str
    token: str
    registration: str
    revocation: str
    scopes: tuple[str, ...]
    methods: tuple[str, ...]
    sends_issuer: bool
    takes_documents: bool


def challenge_parameters(challenge: str) -> dict[str, str]:
    """Returns the parameters of the `Bearer` challenge in a `WWW-Authenticate` header."""
    start = re.search(r"(?:^|,\s{0,5})bearer\s", challenge[:MOST_CHALLENGE], re.IGNORECASE)
    parameters = PARAMETER.findall(challenge[start.end() : MOST_CHALLENGE]) if start else []
    return {name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain for name, quoted, plain in reversed(parameters)}


def scopes_in(value: Any) -> tuple[str, ...]:
    """Returns the scopes in a text or a list, without what no scope looks like."""
    names = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    scopes = dict.fromkeys(name for name in names[:MOST_SCOPES] if isinstance(name, str) and SCOPE.fullmatch(name))
    return tuple(scopes)


def resource_of(requests: Requests, address: str, metadata_address: str) -> Resource:
    """Returns what a tool server says of itself, at the address of its challenge or at one of the well-known ones.

    An older server without it is its own authorization server.
    """
    for candidate in [metadata_address] if metadata_address else _well_known(address, RESOURCE):
        reply = requests.get(candidate)
        # An application's page that answers every address is no document.
        if not 200 <= reply.status < 300 or not reply.value:
            if metadata_address:
                raise SignInFailed(f"{_host(address)} doesn't say where to sign in (HTTP {reply.status}).")
            continue
        resource = reply.value.get("resource")
        if not isinstance(resource, str) or not _covers(resource, address):
            raise SignInFailed(f"{_host(address)} says how to sign in to another server. It may be set up incorrectly.")
        issuers = reply.value.get("authorization_servers")
        addresses = [issuer for issuer in issuers[:MOST_ISSUERS] if isinstance(issuer, str)] if isinstance(issuers, list) else []
        if not addresses:
            raise SignInFailed(f"{_host(address)} doesn't say where to sign in.")
        return Resource(resource, tuple(addresses), scopes_in(reply.value.get("scopes_supported")))
    parts = secure_parts(address)
    return Resource(canonical(address), (f"{parts.scheme}://{parts.netloc}",), (), is_stated=False)


def issuer_of(requests: Requests, address: str) -> Issuer:
    """Returns the metadata of an authorization server; its document must be about itself."""
    path = secure_parts(address).path.rstrip("/")
    appended = [f"{address.rstrip('/')}/.well-known/{OPENID}"] if path else []
    for candidate in (*_inserted(address, ISSUER), *_inserted(address, OPENID), *appended):
        reply = requests.get(candidate)
        if not 200 <= reply.status < 300 or not reply.value:
            continue
        if reply.value.get("issuer") != address:
            raise SignInFailed(f"{_host(address)} doesn't say who it is, or says it is another server.")
        return _issuer(address, reply.value)
    raise SignInFailed(f"{_host(address)} doesn't say how people sign in there.")


def _issuer(address: str, value: Mapping[str, Any]) -> Issuer:
    if S256 not in texts_in(value.get("code_challenge_methods_supported")):
        raise SignInFailed(f"{_host(address)} doesn't support the secure way to sign in (PKCE).")
    authorization, token = value.get("authorization_endpoint"), value.get("token_endpoint")
    if not isinstance(authorization, str) or not isinstance(token, str):
        raise SignInFailed(f"{_host(address)} doesn't say how people sign in there.")
    registration, revocation = (
        endpoint if isinstance(endpoint := value.get(f"{name}_endpoint"), str) else "" for name in ("registration", "revocation")
    )
    for endpoint in filter(None, (authorization, token, registration, revocation)):
        secure_parts(endpoint)
    return Issuer(
        address,
        authorization,
        token,
        registration,
        revocation,
        scopes_in(value.get("scopes_supported")),
        texts_in(value.get("token_endpoint_auth_methods_supported")),
        value.get("authorization_response_iss_parameter_supported") is True,
        value.get("client_id_metadata_document_supported") is True,
    )


def canonical(address: str) -> str:
    """Returns the address by which a token is asked for: without a fragment, and without a slash at its end."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"), parts.query, ""))


def _covers(resource: str, address: str) -> bool:
    """Returns whether a token for `resource` is one for the server at `address`: for it, or for a folder that it is in."""
    outer, inner = urlsplit(canonical(resource)), urlsplit(canonical(address))
    is_same_origin = (outer.scheme, outer.netloc) == (inner.scheme, inner.netloc)
    return is_same_origin and f"{inner.path}/".startswith(f"{outer.path}/") and outer.query in ("", inner.query)


def _well_known(address: str, name: str) -> Iterator[str]:
    """Yields where a document can be: at the path of the server, then at the root."""
    yield from _inserted(address, name)
    parts = urlsplit(address)
    if parts.path.strip("/"):
        yield f"{parts.scheme}://{parts.netloc}/.well-known/{name}"


def _inserted(address: str, name: str) -> Iterator[str]:
    parts = urlsplit(address)
    yield f"{parts.scheme}://{parts.netloc}/.well-known/{name}{parts.path.rstrip('/')}"


def _host(address: str) -> str:
    return urlsplit(address).hostname or "The server"
