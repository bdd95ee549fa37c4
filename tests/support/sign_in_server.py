"""A tool server that signs people in by OAuth, with its authorization server at the same origin, written from the standards."""

import base64
import hashlib
import json
from itertools import count
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from tests.support.mcp_server import JSON, McpServer, Message, Received, Said, said

FORM = "application/x-www-form-urlencoded"


class SignInServer(McpServer):
    """`tenant` is the path of its issuer. What it says of itself can be changed in `about_resource` and `about_issuer`."""

    def __init__(self, *speaks: str, tenant: str = "", document: str = "oauth-authorization-server", **how: Any) -> None:
        super().__init__(*speaks, **how)
        self.issuer = f"{self.origin}{tenant}"
        self.tenant, self.document = tenant, document
        # As an answer to every address that isn't known; else it isn't found.
        self.everywhere: Said | None = None
        self.about_resource: Message = {
            "resource": self.url,
            "authorization_servers": [self.issuer],
            "scopes_supported": ["tools:read", "tools:call"],
        }
        self.about_issuer: Message = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "registration_endpoint": f"{self.origin}/register",
            "revocation_endpoint": f"{self.origin}/revoke",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["tools:read", "tools:call", "offline_access"],
            "authorization_response_iss_parameter_supported": True,
        }
        self.registration: Message = {}
        self.clients: dict[str, Message] = {"known": {"secret": "s p:cret", "redirect_uris": None}}
        self.codes: dict[str, dict[str, str]] = {}
        self.access: set[str] = set()
        self.refreshes: set[str] = set()
        self.revoked: list[str] = []
        # To revoke a token, even where it is empty.
        self.wants_secret_field = False
        self.lives_seconds: Any = 3600
        self.tokens_instead: Any = None
        self._tokens = count(1)
        self.challenge = f'Bearer realm="mcp", resource_metadata="{self.origin}/.well-known/oauth-protected-resource/mcp"'

    def answer(self, request: Received) -> Said:
        path = urlsplit(request.path).path
        if path != "/mcp":
            self.check("cookie" not in request.headers, "no cookies are sent")
            return self._sign_in(path, request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.access:
            return Said(status=401, headers={"WWW-Authenticate": self.challenge})
        return super().answer(request)

    def allow(self, url: str, **instead: str) -> dict[str, str]:
        """Does what a person and their browser do at the page for signing in; returns what the redirect back says."""
        parts = urlsplit(url)
        asked = dict(parse_qsl(parts.query))
        self.check(f"{self.origin}{parts.path}" == self.about_issuer["authorization_endpoint"], "the person is sent elsewhere")
        self.check(asked["response_type"] == "code", "not the flow with a code")
        self.check(asked.get("code_challenge_method") == "S256", "PKCE with S256 is a must")
        client = self.clients.get(asked["client_id"])
        self.check(client is not None, "a client that isn't known")
        uris = (client or {}).get("redirect_uris")
        self.check(uris is None or asked["redirect_uri"] in uris, "a redirect that isn't registered")
        code = f"code-{next(self._tokens)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.issuer, **instead}

    def _sign_in(self, path: str, request: Received) -> Said:
        match request.verb, path:
            case "GET", "/.well-known/oauth-protected-resource/mcp":
                return said(self.about_resource)
            case "GET", _ if path == self._document_path:
                return said(self.about_issuer)
            case "POST", "/register":
                return self._register(request)
            case "POST", "/token":
                return self._token(request)
            case "POST", "/revoke":
                if self.wants_secret_field and b"client_secret=" not in request.body:
                    return said({"error": "invalid_request", "error_description": "client_secret: Field required"}, 400)
                self.revoked.append(self._fields(request)["token"])
                self.access.discard(self.revoked[-1])
                self.refreshes.discard(self.revoked[-1])
                return Said()
        return self.everywhere or Said(b"Not found", "text/plain", 404)

    @property
    def _document_path(self) -> str:
        if self.document == "appended":
            return f"{self.tenant}/.well-known/openid-configuration"
        return f"/.well-known/{self.document}{self.tenant}"

    def _register(self, request: Received) -> Said:
        self.check(request.headers.get("content-type") == JSON, "a registration is JSON")
        about = json.loads(request.body)
        self.check(about.get("application_type") in ("web", "native"), "a client says of which kind it is")
        self.check("refresh_token" in about["grant_types"], "a client says that it refreshes tokens")
        id = f"client-{next(self._tokens)}"
        reply = {**about, "client_id": id, **self.registration}
        self.clients[id] = {"secret": reply.get("client_secret", ""), "redirect_uris": about["redirect_uris"]}
        return said(reply, 201)

    def _fields(self, request: Received) -> dict[str, str]:
        """Returns the fields of a form, after checking who sends it."""
        self.check(request.headers.get("content-type", "").startswith(FORM), "a form has its content type")
        fields = {name: values[0] for name, values in parse_qs(request.body.decode(), keep_blank_values=True).items()}
        id, secret = fields.get("client_id", ""), fields.get("client_secret", "")
        if basic := request.headers.get("authorization", ""):
            self.check("client_secret" not in fields, "a secret is sent in one way")
            id, secret = (unquote(part) for part in base64.b64decode(basic.removeprefix("Basic ")).decode().split(":", 1))
        client = self.clients.get(id)
        self.check(client is not None and client["secret"] == secret, "a client proves who it is")
        return fields

    def _token(self, request: Received) -> Said:
        fields = self._fields(request)
        self.check(fields.get("resource") == self.about_resource["resource"], "a token is for one server")
        if self.tokens_instead is not None:
            return self.tokens_instead if isinstance(self.tokens_instead, Said) else said(self.tokens_instead)
        if fields["grant_type"] == "refresh_token":
            if fields["refresh_token"] not in self.refreshes:
                return said({"error": "invalid_grant", "error_description": "The token is used up."}, 400)
            # Each is used once.
            self.refreshes.remove(fields["refresh_token"])
            return self._issued("")
        asked = self.codes.pop(fields["code"], None)
        digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
        if not asked or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return said({"error": "invalid_grant"}, 400)
        self.check(fields["redirect_uri"] == asked["redirect_uri"], "the redirect is the same")
        self.check(asked.get("resource") == fields["resource"], "the server is the same")
        return self._issued(asked.get("scope", ""))

    def _issued(self, scope: str) -> Said:
        access, refresh = f"access-{next(self._tokens)}", f"refresh-{next(self._tokens)}"
        self.access.add(access)
        self.refreshes.add(refresh)
        value = {"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": self.lives_seconds}
        return said(value | ({"scope": scope} if scope else {}))
