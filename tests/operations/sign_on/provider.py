"""An OpenID provider written from the standards, over real HTTP and with real signatures; it misbehaves on demand."""

import base64
import hashlib
import json
import time
from itertools import count
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import gevent
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.support.mcp_server import HttpServer, Received, Said, said

CLIENT_ID, CLIENT_SECRET = "millrace client", "s p:cret"
LOGGED_OUT = "http://schemas.openid.net/event/backchannel-logout"


class OpenIdProvider(HttpServer):
    """`claims` are those of the person who is signed in there. What it says of itself can be changed in `about`."""

    def __init__(self) -> None:
        super().__init__()
        self.issuer = self.origin
        self.key, self.kid = RSAKey.generate_key(2048), "first"
        self.about: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "jwks_uri": f"{self.origin}/keys",
            "end_session_endpoint": f"{self.origin}/end?ours=1",
            "response_types_supported": ["code"],
            "authorization_response_iss_parameter_supported": True,
        }
        self.claims: dict[str, Any] = {"sub": "ann", "email": "ann@example.org", "email_verified": True, "name": "Ann"}
        # What differs in the next token from what is right, and in its header.
        self.instead: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.token_instead: Said | None = None
        # What it tells of the person only when it is asked.
        self.user_info: dict[str, Any] | None = None
        # How long it waits, and at which path.
        self.slow, self.wait_seconds = "/token", 0.0
        self.codes: dict[str, dict[str, str]] = {}
        self.wrong: list[str] = []
        self._codes, self._ids = count(1), count(1)

    @property
    def keys(self) -> list[dict[str, Any]]:
        return [{**self.key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": "RS256"}]

    def rotate(self) -> None:
        self.key, self.kid = RSAKey.generate_key(2048), "second"

    def allow(self, url: str, **instead: str) -> str:
        """Does what a person and their browser do at the provider; returns the query of the redirect back."""
        parts = urlsplit(url)
        asked = dict(parse_qsl(parts.query))
        self._check(f"{self.origin}{parts.path}" == self.about["authorization_endpoint"], "the person is sent elsewhere")
        self._check(asked.get("code_challenge_method") == "S256", "PKCE with S256")
        self._check("openid" in asked["scope"].split() and bool(asked.get("nonce")), "a scope and a nonce")
        code = f"code-{next(self._codes)}"
        self.codes[code] = asked
        fields = {"code": code, "state": asked["state"], "iss": self.issuer} | instead
        return "&".join(f"{name}={value}" for name, value in fields.items())

    def answer(self, request: Received) -> Said:
        path = urlsplit(request.path).path
        if path == self.slow:
            gevent.sleep(self.wait_seconds)
        if path.endswith("/.well-known/openid-configuration"):
            return said(self.about) if f"{self.origin}{path}".startswith(self.issuer) else Said(status=404)
        if path == "/keys":
            return said({"keys": self.keys})
        if path == "/user-info" and self.user_info is not None:
            self._check(request.headers["authorization"] == "Bearer a", "the token of the person")
            return said(self.user_info)
        return self._tokens(request) if path == "/token" else Said(status=404)

    def signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": "RS256", "kid": self.kid} | self.header
        if header["alg"] == "none":
            return f"{_encoded(header)}.{_encoded(claims)}."
        if header["alg"] == "HS256":
            # The public key as if it were a shared secret.
            return jwt.encode(header, claims, OctKey.import_key(json.dumps(self.keys[0])), algorithms=["HS256"])
        return jwt.encode(header, claims, self.key, algorithms=["RS256"])

    def logout_token(self, **instead: Any) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 120, "jti": f"id-{next(self._ids)}"}
        about = {"sub": self.claims["sub"], "sid": f"at-{self.claims['sub']}", "events": {LOGGED_OUT: {}}}
        return self.signed({name: value for name, value in {**claims, **about, **instead}.items() if value is not None})

    def _tokens(self, request: Received) -> Said:
        if self.token_instead:
            return self.token_instead
        fields = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        basic = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        self._check([unquote(part) for part in basic.split(":", 1)] == [CLIENT_ID, CLIENT_SECRET], "who asks")
        asked = self.codes.pop(fields["code"], None)
        digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
        is_right = asked and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        if not asked or not is_right or asked["redirect_uri"] != fields["redirect_uri"]:
            return said({"error": "invalid_grant", "error_description": "The code is used up."}, 400)
        now = int(time.time())
        own = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = {**own, "sid": f"at-{self.claims['sub']}", **self.claims, **self.instead}
        return said({"access_token": "a", "token_type": "Bearer", "id_token": self.signed(claims)})

    def _check(self, is_right: bool, words: str) -> None:
        if not is_right:
            self.wrong.append(words)


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
